#!/usr/bin/env bash
# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0
#
# The committed file is one that generate.py could have written.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
exec python3 "$here/generate.py" --verify="$here/oracle.json"
