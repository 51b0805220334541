// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/base/status_macros.h"

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"

namespace parley {
namespace {

absl::Status Check(bool ok) {
  return ok ? absl::OkStatus() : absl::DataLossError("lost");
}

absl::StatusOr<int> Number(bool ok) {
  PARLEY_RETURN_IF_ERROR(Check(ok));
  return 7;
}

TEST(StatusMacrosTest, ReturnIfError) {
  int calls = 0;
  const auto run = [&](bool ok) -> absl::Status {
    PARLEY_RETURN_IF_ERROR(Check(ok));
    ++calls;
    return absl::OkStatus();
  };
  EXPECT_EQ(run(false), absl::DataLossError("lost"));
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(run(true), absl::OkStatus());
  EXPECT_EQ(calls, 1);
}

TEST(StatusMacrosTest, EvaluatesOnce) {
  int calls = 0;
  const auto run = [&]() -> absl::Status {
    PARLEY_RETURN_IF_ERROR((++calls, absl::OkStatus()));
    PARLEY_ASSIGN_OR_RETURN(int unused, (++calls, absl::StatusOr<int>(1)));
    calls += unused - 1;
    return absl::OkStatus();
  };
  EXPECT_EQ(run(), absl::OkStatus());
  EXPECT_EQ(calls, 2);
}

TEST(StatusMacrosTest, AssignOrReturn) {
  const auto run = [](bool ok) -> absl::StatusOr<int> {
    // Twice in one scope, declaring and assigning.
    PARLEY_ASSIGN_OR_RETURN(int a, Number(true));
    PARLEY_ASSIGN_OR_RETURN(a, Number(ok));
    return a + 1;
  };
  EXPECT_EQ(run(true).value(), 8);
  EXPECT_EQ(run(false).status(), absl::DataLossError("lost"));
}

TEST(StatusMacrosTest, MovesWhatCannotBeCopied) {
  const auto make = []() -> absl::StatusOr<std::unique_ptr<int>> {
    return std::make_unique<int>(3);
  };
  const auto run = [&]() -> absl::StatusOr<int> {
    PARLEY_ASSIGN_OR_RETURN(std::unique_ptr<int> p, make());
    return *p;
  };
  EXPECT_EQ(run().value(), 3);
}

// In an unbraced if, the macro must not take the else for itself.
TEST(StatusMacrosTest, ReturnIfErrorIsOneStatement) {
  const auto run = [](bool condition) -> absl::Status {
    if (condition)
      PARLEY_RETURN_IF_ERROR(Check(false));
    else
      return absl::AbortedError("else");
    return absl::OkStatus();
  };
  EXPECT_EQ(run(true), absl::DataLossError("lost"));
  EXPECT_EQ(run(false), absl::AbortedError("else"));
}

}  // namespace
}  // namespace parley
