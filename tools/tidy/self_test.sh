#!/usr/bin/env bash
# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
exec python3 "$(dirname "$(realpath "$0")")/tidy_test.py"
