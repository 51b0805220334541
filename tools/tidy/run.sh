#!/usr/bin/env bash
# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0
#
# Runs tidy.py on the repository that this file's link leads to, not on the
# sandbox, which holds only what a test declares.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
python3 "$here/tidy.py" "$(realpath "$here/../..")"
