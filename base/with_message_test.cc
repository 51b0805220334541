// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/base/with_message.h"

#include "gtest/gtest.h"

namespace parley {
namespace {

TEST(WithMessageTest, KeepsCodeAndPayloads) {
  absl::Status status = absl::UnavailableError("lost");
  status.SetPayload("a", absl::Cord("1"));
  status.SetPayload("b", absl::Cord("2"));
  const absl::Status other = WithMessage(status, "header: lost");
  EXPECT_EQ(other.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(other.message(), "header: lost");
  EXPECT_EQ(other.GetPayload("a"), absl::Cord("1"));
  EXPECT_EQ(other.GetPayload("b"), absl::Cord("2"));
}

TEST(WithMessageTest, OkStaysOk) {
  EXPECT_EQ(WithMessage(absl::OkStatus(), "words"), absl::OkStatus());
}

}  // namespace
}  // namespace parley
