#!/usr/bin/env bash
# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0
#
# Makes a folder that runs on a machine with a GPU and without Bazel:
#
#   pack.sh --out=FOLDER --script=SCRIPT PROGRAM...
#
# FOLDER gets SCRIPT, bin/ with the programs, and lib/ with the shared libraries
# that they need: all but glibc and what belongs to CUDA and NCCL. The C++
# runtime goes to lib/gcc, so that the machine's own can be preferred. Fails,
# and leaves nothing, if a library is missing or the folder gets too large.
set -euo pipefail
limit_mb=60
out="" script="" programs=()

fail() {
  [[ -z ${made:-} ]] || rm -rf "$made"
  echo "pack: $1" >&2
  exit 1
}

for argument in "$@"; do
  case $argument in
    --out=*) out=${argument#*=} ;;
    --script=*) script=${argument#*=} ;;
    -*) fail "unknown argument '$argument'" ;;
    *) programs+=("$argument") ;;
  esac
done
[[ -n $out ]] || fail "--out=FOLDER must be given"
[[ $out == /* ]] || out=${BUILD_WORKING_DIRECTORY:-$PWD}/$out
if [[ -e $out && -n $(ls -A "$out") ]]; then
  fail "--out=$out: there is something in it"
fi

# needs FILE: a line "NAME PATH" for each shared library, PATH empty if there is
# none.
needs() {
  { ldd "$1" 2>/dev/null || true; } | awk '
    $2 == "=>" && $3 == "not" { print $1 " "; next }
    $2 == "=>" { print $1 " " $3 }'
}

# What the other machine has to have itself.
is_the_machines() {
  case $1 in
    libc.so.* | libm.so.* | libpthread.so.* | libdl.so.* | librt.so.* | \
      libresolv.so.* | libutil.so.* | ld-linux*) return 0 ;;
    libcuda.so.* | libcudart.so.* | libnccl.so.* | libnvidia-*) return 0 ;;
  esac
  return 1
}

made=$out
mkdir -p "$out/bin" "$out/lib/gcc"
cp -L "$script" "$out/"
for program in "${programs[@]}"; do
  copy=$out/bin/$(basename "$program")
  cp -L "$program" "$copy"
  chmod u+w "$copy"
  # Of a script there is nothing to strip.
  strip "$copy" 2>/dev/null || true
  while read -r name path; do
    is_the_machines "$name" && continue
    [[ -n $path ]] || fail "$(basename "$program") needs $name: not found"
    folder=$out/lib
    case $name in libstdc++.so.* | libgcc_s.so.*) folder=$out/lib/gcc ;; esac
    [[ -e $folder/$name ]] || cp -L "$path" "$folder/$name"
  done < <(needs "$program")
done

# Looked at from the folder alone, nothing may come from elsewhere.
for file in "$out"/bin/* "$out"/lib/*.so* "$out"/lib/gcc/*.so*; do
  [[ -e $file ]] || continue
  while read -r name path; do
    is_the_machines "$name" && continue
    [[ $path == "$out"/lib/* ]] ||
      fail "$(basename "$file") takes $name from ${path:-nowhere}"
  done < <(LD_LIBRARY_PATH=$out/lib:$out/lib/gcc needs "$file")
done

bytes=$(find "$out" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')
size=$(awk "BEGIN { printf \"%.1f\", $bytes / 1e6 }")
((bytes < limit_mb * 1000000)) ||
  fail "the folder has $size MB, and may have less than $limit_mb"
echo "packed ${#programs[@]} programs and" \
  "$(find "$out/lib" -type f | wc -l) libraries, $size MB, into $out"
