#!/usr/bin/env bash
# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0
#
# The programs where there is no GPU, or where it is hidden: each says so in one
# line, in CUDA's own words, and fails.
set -uo pipefail
here=$(dirname "$0")
# Without a driver CUDA does not look at it.
export CUDA_VISIBLE_DEVICES=

failures=0

# says NAME COMMAND...: one line that begins with NAME and has CUDA's words.
says() {
  local name=$1 output code
  shift
  output=$("$@" 2>&1 </dev/null)
  code=$?
  output=$(grep -v '^launch: ' <<<"$output")
  if [[ $code == 1 && $(wc -l <<<"$output") == 1 &&
    $output =~ ^(\[0\] )?$name:\ .*cudaError[A-Z][A-Za-z]*:\ .+ ]]; then
    echo "$output"
  else
    echo "FAILED: $name: exit code $code, $output"
    ((++failures))
  fi
}

says gpu_info "$here/gpu_info"
says kernels_check "$here/gpu_check" kernels_check
says bandwidth "$here/gpu_check" bandwidth
# Whatever the case: the GPU comes first.
says nccl_check "$here/../launch" --ranks=1 "$here/gpu_check" \
  nccl_check --case=one

for program in gpu_info "gpu_check bandwidth" "gpu_check kernels_check" \
  "gpu_check nccl_check"; do
  # shellcheck disable=SC2086  # two words
  "$here"/$program --help >/dev/null || {
    echo "FAILED: $program --help"
    ((++failures))
  }
done
exit $((failures > 0))
