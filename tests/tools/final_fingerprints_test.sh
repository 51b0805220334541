#!/usr/bin/env bash
# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0
#
# Trains as `simulate` does, for five seeds and both ways of dealing out images,
# and compares the final model of each row with what is written down in
# final_fingerprints.txt: no change may move a bit of the reproducible mean.
set -uo pipefail
here=$(dirname "$0")
simulate=${1:-$here/../../tools/simulate}
failures=0
while read -r shard seed expected; do
  json=$(mktemp)
  "$simulate" "--shard=$shard" "--seed=$seed" "--json_out=$json" >/dev/null
  got=$(grep -o '"final_fingerprint": *"[^"]*"' "$json" | cut -d'"' -f4 | xargs)
  rm -f "$json"
  [[ $got == "$expected" ]] && continue
  echo "--shard=$shard --seed=$seed: $got" >&2
  echo "expected: $expected" >&2
  failures=$((failures + 1))
done <"$here/final_fingerprints.txt"
((failures == 0))
