// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What nearly every source includes. Read before each source where
// precompiled headers are on (pch.bzl); nobody includes it.
#ifndef PARLEY_THIRD_PARTY_PCH_COMMON_H_
#define PARLEY_THIRD_PARTY_PCH_COMMON_H_

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#endif  // PARLEY_THIRD_PARTY_PCH_COMMON_H_
