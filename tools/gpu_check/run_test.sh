#!/usr/bin/env bash
# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0
#
# run.sh over programs that are not there: what it makes of checks that pass,
# fail, hang or cannot be run.
set -uo pipefail
script=$(realpath "$(dirname "$0")/run.sh")
pack=$TEST_TMPDIR/pack
mkdir -p "$pack/bin" "$pack/lib"
cp "$script" "$pack/run.sh"

# stub NAME SHELL: a program of the pack.
stub() {
  printf '#!/bin/sh\n%s\n' "$2" >"$pack/bin/$1"
  chmod +x "$pack/bin/$1"
}

# A compute-sanitizer in FOLDER, which does what SHELL says.
sanitizer() {
  mkdir -p "$1"
  printf '#!/bin/sh\n%s\n' "$2" >"$1/compute-sanitizer"
  chmod +x "$1/compute-sanitizer"
}

# Programs that pass: launch's first rank says what the command says.
good_stubs() {
  stub gpu_info 'echo "GPU: none such"; echo "NCCL: 22809"'
  stub kernels_check 'echo "[  PASSED  ] 1 test."'
  stub bandwidth 'echo "all at least 0.90 of the copy"'
  stub nccl_check 'echo "$1 $2; 20 collectives"'
  stub launch 'shift 2; "$@" | sed "s/^/[0] /"'
  stub gpu_check 'name=$1; shift; exec "$(dirname "$0")/$name" "$@"'
  # In the named toolkit, lest one of the machine be taken.
  export CUDA_HOME=$TEST_TMPDIR/toolkit
  sanitizer "$CUDA_HOME/bin" 'echo "$1 was clean"'
}

failures=0
fail() {
  echo "FAILED: $1"
  echo "$output"
  ((++failures))
}

# expect NAME CODE PATTERN...: run.sh's exit code, and lines in its output.
expect() {
  local name=$1 code=$2 pattern
  shift 2
  [[ $got == "$code" ]] || fail "$name: exit code $got, expected $code"
  for pattern in "$@"; do
    grep -qE "$pattern" <<<"$output" || fail "$name: no line '$pattern'"
  done
}

path=/usr/bin:/bin
run() {
  output=$(PATH=$path "$pack/run.sh" --seed=7 "$@" 2>&1)
  got=$?
}

good_stubs
run
expect "all pass" 0 '^GPU: none such' '^parity, 3 ranks +PASS ' \
  'PASS +[0-9]+  \[0\] --case=parity --seed=7; 20 collectives' \
  '^seed: 7; 140 collectives' \
  '^racecheck +PASS +[0-9]+  --tool=racecheck was' \
  '^17 passed, 0 failed, 0 skipped$'

# Of the machine's folders one may have it.
if ! (PATH=$path && command -v compute-sanitizer >/dev/null); then
  export CUDA_HOME=/none
  run
  expect "a tool is missing" 0 \
    '^memcheck +SKIPPED +0  compute-sanitizer is not installed' \
    '^13 passed, 0 failed, 4 skipped$'
fi

good_stubs
sanitizer "$TEST_TMPDIR/other" 'exit 1'
path=$TEST_TMPDIR/other:$path run
expect "another tool is in PATH" 0 '^17 passed, 0 failed, 0 skipped$'

sanitizer "$CUDA_HOME/bin" 'case $1 in *initcheck) exit 1 ;; esac'
run
expect "the tool finds something" 1 '^initcheck +FAIL .*exit code 1' \
  '^16 passed, 1 failed, 0 skipped$'

good_stubs
stub kernels_check 'case $* in
  *GiveTheCpusBits) echo "kernels_check: element 3 differs" >&2; exit 3 ;;
esac'
run
expect "a check fails" 1 \
  '^kernels, CPU +FAIL .*exit code 3: kernels_check: element 3 differs' \
  '^kernels, references +PASS ' ' 1 failed, '

good_stubs
stub kernels_check 'kill -9 $$'
run
expect "a check is killed" 1 '^kernels, CPU +FAIL .*exit code 137'

# Where the caller has NCCL, the programs find it, behind their own libraries.
good_stubs
needs_mine='case $LD_LIBRARY_PATH in */pack/lib:/mine) ;; *) exit 1 ;; esac'
stub gpu_info "$needs_mine"
stub kernels_check "$needs_mine"
LD_LIBRARY_PATH=/mine run
expect "the caller's libraries" 0 '^17 passed, 0 failed, 0 skipped$'

# A recording of an earlier run is not this one's.
good_stubs
mkdir -p "$pack/logs/parity3"
touch "$pack/logs/parity3/rank1.json"
stub nccl_check 'case $1 in *=death)
  echo "{}" >"${3#--recordings=}/rank2.json" ;; esac'
run
[[ ! -e $pack/logs/parity3/rank1.json && -e $pack/logs/death3/rank2.json ]] ||
  fail "recordings: $(echo "$pack"/logs/*/rank*.json)"

# What hangs takes all that is left of the time, and does not heed SIGTERM.
good_stubs
stub bandwidth 'trap "" TERM; while :; do sleep 0.1; done'
sed -i 's/timeout -k 10/timeout -k 1/' "$pack/run.sh"
run --seconds=8
expect "a check hangs" 1 '^kernels, CPU +PASS ' \
  '^bandwidth +TIMEOUT +([1-9]|1[01])  after [1-8] seconds' \
  '^NCCL, 1 rank +NOT RUN +0  no time was left' \
  '^3 passed, 14 failed, 0 skipped$'

good_stubs
stub nccl_check 'echo "$1 $2; 60 collectives"'
run
expect "too many collectives" 1 '^collectives +FAIL .*420, more than 300'

good_stubs
stub gpu_info 'case $1 in --help) exit 0 ;; esac
echo "gpu_info: cannot use a GPU: no driver" >&2; exit 1'
run
expect "no GPU" 2 '^gpu_check: no GPU: gpu_info: cannot use a GPU: no driver$'
[[ $(wc -l <<<"$output") == 1 ]] || fail "no GPU: more than one line"

good_stubs
stub gpu_info 'echo "libz.so.9: cannot open shared object file" >&2; exit 127'
run
expect "programs do not start" 2 \
  '^gpu_check: the programs do not start here: libz.so.9: cannot'

good_stubs
run --speed=3
expect "an unknown argument" 2 "unknown argument '--speed=3'"

((failures == 0)) && echo "all as expected"
exit $((failures > 0))
