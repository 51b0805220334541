#!/usr/bin/env bash
# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0
#
# Shows that what .ci/run keeps of earlier clones is neither missed nor stale:
# another clone compiles nothing, a changed header is compiled again, tests run
# again, another version of a package has another folder, and the folder does not
# grow for ever. Not a Bazel test, since it runs Bazel. An argument is the folder
# of a cache that has what a first clone has compiled; without one that clone is
# made here.
set -euo pipefail
repository=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
disk=${1:-$work/disk}
trap 'cd /; for clone in one two; do
        "$repository/bazelw" --output_base="$work/out-$clone" shutdown \
          >/dev/null 2>&1 || true
      done
      chmod -R u+w "$work"; rm -rf "$work"' EXIT

fail() {
  echo "$*" >&2
  exit 1
}

# What the folder is called depends on what dpkg says is installed.
name() {
  PATH=$work/bin:$PATH PARLEY_DISK_CACHE=$1 "$repository/.ci/disk_cache"
}
before=$(name "$work/cache")
[[ $before == "$work/cache/"* ]] || fail "the folder is '$before'"
[[ $(name "$work/cache") == "$before" ]] ||
  fail "the folder's name changes without a reason"
mkdir "$work/bin"
printf '#!/bin/sh\necho "libabsl-dev 1 install ok installed"\n' \
  >"$work/bin/dpkg-query"
chmod +x "$work/bin/dpkg-query"
[[ $(name "$work/cache") != "$before" ]] ||
  fail "other headers, but the same folder"
printf '#!/bin/sh\nexit 1\n' >"$work/bin/dpkg-query"
[[ -z $(name "$work/cache") ]] || fail "a folder for unknown packages"
rm "$work/bin/dpkg-query"
[[ -z $(name "") ]] || fail "a folder although the variable is empty"
[[ -z $(name /dev/null) ]] || fail "a folder that cannot be written"

# Of three files of 1 MB, the one that was not read for longest goes.
mkdir "$work/full"
for days in 1 2 3; do
  head -c 1000000 /dev/zero >"$work/full/$days days"
  touch -d "-$days days" "$work/full/$days days"
done
"$repository/.ci/prune_cache" 2 "$work/full"
[[ $(ls "$work/full") == "1 days"$'\n'"2 days" ]] ||
  fail "of 1, 2 and 3 days there are left: $(ls "$work/full")"

# build CLONE: tests a target there, compiled by both compilers, each with its
# precompiled header; the output is in $work/log.
build() {
  local compiler
  for compiler in "" "--config=clang --config=tsan"; do
    (cd "$work/$1" && ./bazelw --output_base="$work/out-$1" test --config=ci \
      $compiler --disk_cache="$disk" --nocache_test_results \
      //base:hash_test) || return 1
  done >"$work/log" 2>&1
}

for clone in one two; do
  mkdir "$work/$clone"
  git -C "$repository" ls-files -z --cached --others --exclude-standard |
    (cd "$repository" && xargs -0 tar -cf - --ignore-failed-read) |
    tar -xf - -C "$work/$clone"
done
[[ $# -gt 0 ]] || build one || fail "does not build: $(tail -n 20 "$work/log")"
build two || fail "does not build elsewhere: $(tail -n 20 "$work/log")"
# What runs is the test, twice.
ran=$(grep -oE '[0-9]+ (linux-sandbox|processwrapper-sandbox|local)' \
  "$work/log" | awk '{ n += $1 } END { print n + 0 }')
[[ $ran == 2 ]] || fail "$ran actions ran in another clone: $(cat "$work/log")"
! grep -q '(cached)' "$work/log" || fail "a test did not run: $(cat "$work/log")"

echo '#error "changed"' >>"$work/two/base/hash.h"
if build two; then fail "a changed header was not compiled again"; fi
grep -q 'error "changed"' "$work/log" ||
  fail "another error than the header's: $(tail -n 20 "$work/log")"
echo "the cache is used, and nothing in it is stale"
