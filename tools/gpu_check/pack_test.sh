#!/usr/bin/env bash
# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0
#
# pack.sh: what it takes along, what it refuses.
set -uo pipefail
here=$(dirname "$0")
pack=$here/pack.sh
program=$here/../launch
scratch=$TEST_TMPDIR
export BUILD_WORKING_DIRECTORY=$scratch

failures=0
fail() {
  echo "FAILED: $1"
  ((++failures))
}

# refuses NAME PATTERN ARGUMENT...: with one line that says so, leaving nothing.
refuses() {
  local name=$1 pattern=$2 output
  shift 2
  output=$("$pack" "$@" 2>&1) && fail "$name: accepted"
  grep -qE "^pack: $pattern" <<<"$output" || fail "$name: $output"
  [[ ! -e $scratch/refused ]] || fail "$name: left something"
}

# A program with libraries, which runs with those of the pack alone.
output=$("$pack" --out=packed "--script=$here/run.sh" "$program") ||
  fail "did not pack"
grep -qE '^packed 1 programs and [0-9]+ libraries, [0-9.]+ MB' <<<"$output" ||
  fail "says: $output"
[[ -x $scratch/packed/run.sh ]] || fail "no script"
compgen -G "$scratch/packed/lib/libabsl_strings.so.*" >/dev/null ||
  fail "no Abseil"
[[ -e $scratch/packed/lib/gcc/libstdc++.so.6 ]] || fail "no C++ runtime"
compgen -G "$scratch/packed/lib/libc.so*" >/dev/null && fail "glibc is packed"
env -i "LD_LIBRARY_PATH=$scratch/packed/lib:$scratch/packed/lib/gcc" \
  ldd "$scratch/packed/bin/launch" | grep -E 'absl|stdc' |
  grep -vE "$scratch/packed/lib/" && fail "a library comes from elsewhere"
env -i "LD_LIBRARY_PATH=$scratch/packed/lib:$scratch/packed/lib/gcc" \
  "$scratch/packed/bin/launch" --help >/dev/null || fail "does not run"

refuses "nothing to make" "--out=FOLDER must be given" \
  "--script=$here/run.sh" "$program"
output=$("$pack" --out=packed "--script=$here/run.sh" "$program" 2>&1) &&
  fail "overwrites a pack"
[[ -x $scratch/packed/bin/launch ]] || fail "deleted what was there"

# A library of which nobody knows where it is.
mkdir -p "$scratch/gone"
echo 'int Gone() { return 0; }' >"$scratch/gone.c"
echo 'int Gone(); int main() { return Gone(); }' >"$scratch/needs.c"
"${CC:-cc}" -shared -fPIC -o "$scratch/gone/libgone.so" "$scratch/gone.c" &&
  "${CC:-cc}" -o "$scratch/needs" "$scratch/needs.c" -L"$scratch/gone" -lgone ||
  fail "no compiler"
refuses "a missing library" "needs needs libgone.so: not found" \
  --out=refused "--script=$here/run.sh" "$scratch/needs"

# One that the program finds by itself, wherever it lies.
"${CC:-cc}" -o "$scratch/fixed" "$scratch/needs.c" -L"$scratch/gone" -lgone \
  -Wl,--disable-new-dtags,-rpath,"$scratch/gone"
refuses "a library with a fixed place" \
  "fixed takes libgone.so from $scratch/gone/libgone.so" \
  --out=refused "--script=$here/run.sh" "$scratch/fixed"

# 60 MB of nothing.
echo '#!/bin/sh' >"$scratch/large"
truncate -s 60000000 "$scratch/large"
refuses "a large program" "the folder has 60.0 MB, and may have less than 60" \
  --out=refused "--script=$here/run.sh" "$scratch/large"
truncate -s 59900000 "$scratch/large"
"$pack" --out=fits "--script=$here/run.sh" "$scratch/large" >/dev/null ||
  fail "59.9 MB are too much"

((failures == 0)) && echo "all as expected"
exit $((failures > 0))
