#!/usr/bin/env bash
# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0
#
# Runs all checks on the GPU of this machine, from a folder that pack.sh made,
# and ends with a table. Needs CUDA's driver and NCCL, no network and no Bazel.
#
#   run.sh [--seconds=N] [--seed=N] [--logs=FOLDER]
#
# Each check has a time limit, and all together have --seconds (460): what there
# is no time for counts as failed. Inputs are drawn from --seed, by default the
# time. Exits with 0 if all checks passed, those aside whose tool is not
# installed; with 1 if one did not; with 2 if there is no GPU.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
SECONDS=0
seconds=460
seed=$(date +%s)
logs=$here/logs
collectives=0 most_collectives=300  # between ranks, which are slow

stop() {
  echo "gpu_check: $1" >&2
  exit 2
}

for argument in "$@"; do
  case $argument in
    --seconds=*) seconds=${argument#*=} ;;
    --seed=*) seed=${argument#*=} ;;
    --logs=*) logs=${argument#*=} ;;
    *) stop "unknown argument '$argument'; see the top of $0" ;;
  esac
done
mkdir -p "$logs" || stop "cannot write to $logs"
rm -f "$logs"/*.log

passed=0 failed=0 skipped=0
table=""

# row NAME RESULT SECONDS NOTE
row() {
  table+=$(printf '%-26s %-8s %5s  %s' "$1" "$2" "$3" "${4:0:140}")$'\n'
  echo "$1: $2"
  case $2 in
    PASS) ((++passed)) ;;
    SKIPPED) ((++skipped)) ;;
    *) ((++failed)) ;;
  esac
}

# What a log ends with: the summary of rank 0, where there are ranks, and of a
# failure the program's own line.
note_of() {
  local log=$1 code=$2 line=""
  if ((code != 0)); then
    line=$(grep -E '(^|\] )(gpu_info|kernels_check|bandwidth|nccl_check): ' \
      "$log" | tail -n 1)
  else
    line=$(grep '^\[0\] ' "$log" | tail -n 1)
  fi
  [[ -n $line ]] || line=$(grep -v '^[[:space:]]*$' "$log" | tail -n 1)
  echo "$line"
}

# step NAME LIMIT COMMAND...: runs a check for at most LIMIT seconds.
step() {
  local name=$1 limit=$2 log=$logs/${1// /_}.log start code took
  local left=$((seconds - SECONDS))
  shift 2
  if ((left <= 0)); then
    row "$name" "NOT RUN" 0 "no time was left"
    return
  fi
  ((limit > left)) && limit=$left
  start=$SECONDS
  timeout -k 10 "$limit" env LD_LIBRARY_PATH="$libraries" "$@" \
    >"$log" 2>&1 </dev/null
  code=$?
  took=$((SECONDS - start))
  if ((code == 0)); then
    row "$name" PASS "$took" "$(note_of "$log" 0)"
    return
  fi
  if ((code == 124 || (code == 137 && took >= limit))); then
    row "$name" TIMEOUT "$took" "after $limit seconds; see $log"
  else
    row "$name" FAIL "$took" "exit code $code: $(note_of "$log" 1)"
  fi
  tail -n 30 "$log"
}

# ranks N NAME LIMIT CASE: a case of nccl_check with N ranks on the one GPU.
ranks() {
  mkdir -p "$logs/$4$1"
  rm -f "$logs/$4$1"/rank*.json
  step "$2" "$3" "$here/bin/launch" "--ranks=$1" --grace=3s \
    "$here/bin/gpu_check" nccl_check "--case=$4" "--seed=$seed" \
    "--recordings=$logs/$4$1"
  (($1 > 1)) || return
  local count
  count=$(sed -nE 's/^\[0\] .*; ([0-9]+) collectives$/\1/p' \
    "$logs/${2// /_}.log" 2>/dev/null | tail -n 1)
  ((collectives += ${count:-0}))
}

sanitizer() {
  local tool toolkit=${CUDA_HOME:-${CUDA_PATH:-/usr/local/cuda}}
  tool=$(PATH=$toolkit/bin:$toolkit/compute-sanitizer:$PATH \
    command -v compute-sanitizer)
  if [[ -z $tool ]]; then
    row "$1" SKIPPED 0 "compute-sanitizer is not installed"
    return
  fi
  step "$1" 60 "$tool" "--tool=$1" --error-exitcode=1 \
    "$here/bin/gpu_check" kernels_check "--seed=$seed" \
    --gtest_filter=KernelsCheckTest.MatchReferencesAtSmallSizes
}

# The machine's own C++ runtime where it is new enough for the programs; then
# what the caller has, which may be where NCCL is.
libraries="" says=""
for candidate in "$here/lib" "$here/lib:$here/lib/gcc"; do
  candidate+=${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  if says=$(LD_LIBRARY_PATH=$candidate "$here/bin/gpu_info" --help 2>&1); then
    libraries=$candidate
    break
  fi
done
[[ -n $libraries ]] ||
  stop "the programs do not start here: $(tail -n 1 <<<"$says")"

info=$(LD_LIBRARY_PATH=$libraries timeout 60 "$here/bin/gpu_info" 2>&1) ||
  stop "no GPU: $info"
# NCCL where the dynamic linker does not look by itself.
for folder in "${NCCL_HOME:-/none}/lib" \
  "${CUDA_HOME:-${CUDA_PATH:-/usr/local/cuda}}/lib64" \
  "$(python3 -c 'import nvidia.nccl as n; print(list(n.__path__)[0] + "/lib")' \
    2>/dev/null)"; do
  [[ $info == *"NCCL: none"* && -e $folder/libnccl.so.2 ]] || continue
  libraries=$libraries:$folder
  info=$(LD_LIBRARY_PATH=$libraries timeout 60 "$here/bin/gpu_info" 2>&1)
done
echo "$info"
echo "seed: $seed"

kernels=("$here/bin/gpu_check" kernels_check "--seed=$seed")
step "kernels, CPU" 60 "${kernels[@]}" \
  --gtest_filter=KernelsCheckTest.GiveTheCpusBits
step "kernels, references" 60 "${kernels[@]}" \
  --gtest_filter=KernelsCheckTest.MatchReferences
step "kernels, replay" 30 "${kernels[@]}" \
  --gtest_filter=KernelsCheckTest.ReplayToTheSameBits
step "bandwidth" 60 "$here/bin/gpu_check" bandwidth
cat "$logs/bandwidth.log" 2>/dev/null
ranks 1 "NCCL, 1 rank" 40 one
ranks 1 "conformance, 1 rank" 40 conformance
ranks 2 "conformance, 2 ranks" 60 conformance
ranks 3 "conformance, 3 ranks" 90 conformance
ranks 2 "parity, 2 ranks" 45 parity
ranks 3 "parity, 3 ranks" 60 parity
ranks 3 "kill -9 of 1 of 3" 60 death
ranks 2 "overhead, 2 ranks" 45 overhead
ranks 2 "NCCL replay, 2 ranks" 30 replay
for check in memcheck racecheck initcheck synccheck; do
  sanitizer "$check"
done

if ((collectives > most_collectives)); then
  row "collectives" FAIL 0 "$collectives, more than $most_collectives"
fi

echo
echo "$info"
echo "seed: $seed; $collectives collectives; $SECONDS seconds"
echo
printf '%-26s %-8s %5s  %s\n' check result "s" ""
printf '%s' "$table"
echo
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0 && passed > 0))
