// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/store/environment.h"

#include <cstdlib>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "parley/base/status_macros.h"

namespace parley {
namespace {

constexpr int kNoLimit = std::numeric_limits<int>::max();

absl::StatusOr<std::string> Text(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') {
    return absl::FailedPreconditionError(
        absl::StrCat("the environment variable ", name,
                     value == nullptr ? " is not set" : " is empty",
                     "; start the program by //tools:launch or torchrun"));
  }
  return std::string(value);
}

// A number from `first` to `last`; `what` says why those.
absl::StatusOr<int> Number(const char* name, int first, int last,
                           absl::string_view what) {
  PARLEY_ASSIGN_OR_RETURN(const std::string text, Text(name));
  int number = 0;
  if (!absl::SimpleAtoi(text, &number)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the environment variable ", name, "=", text, " is not a number"));
  }
  if (number < first || number > last) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the environment variable ", name, "=", text, " is not ", what));
  }
  return number;
}

}  // namespace

absl::StatusOr<LaunchEnvironment> LaunchEnvironment::Read() {
  LaunchEnvironment result;
  PARLEY_ASSIGN_OR_RETURN(result.size,
                          Number("WORLD_SIZE", 1, kNoLimit, "at least 1"));
  PARLEY_ASSIGN_OR_RETURN(
      result.rank,
      Number("RANK", 0, result.size - 1,
             absl::StrCat("from 0 to WORLD_SIZE - 1 = ", result.size - 1)));
  PARLEY_ASSIGN_OR_RETURN(
      result.local_size,
      Number("LOCAL_WORLD_SIZE", 1, result.size,
             absl::StrCat("from 1 to WORLD_SIZE = ", result.size)));
  PARLEY_ASSIGN_OR_RETURN(
      result.local_rank,
      Number("LOCAL_RANK", 0, result.local_size - 1,
             absl::StrCat("from 0 to LOCAL_WORLD_SIZE - 1 = ",
                          result.local_size - 1)));
  PARLEY_ASSIGN_OR_RETURN(result.master_addr, Text("MASTER_ADDR"));
  PARLEY_ASSIGN_OR_RETURN(
      result.master_port,
      Number("MASTER_PORT", 1, 65535, "a port, from 1 to 65535"));
  const char* store = std::getenv("PARLEY_STORE");
  if (store != nullptr) result.store = store;
  return result;
}

}  // namespace parley
