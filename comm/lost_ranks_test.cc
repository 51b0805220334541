// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/lost_ranks.h"

#include <vector>

#include "absl/strings/cord.h"
#include "gtest/gtest.h"
#include "parley/base/with_message.h"

namespace parley {
namespace {

using Ranks = std::vector<int>;

TEST(LostRanksTest, AListComesBackAscending) {
  const absl::Status status =
      WithLostRanks(absl::UnavailableError("gone"), {12, 3, 12, 0});
  EXPECT_EQ(LostRanks(status), (Ranks{0, 3, 12}));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(), "gone");
}

TEST(LostRanksTest, WithoutAListNobodyIsLost) {
  EXPECT_EQ(LostRanks(absl::OkStatus()), Ranks());
  EXPECT_EQ(LostRanks(absl::UnavailableError("gone: rank 3")), Ranks());
}

TEST(LostRanksTest, AListReplacesTheOneBefore) {
  absl::Status status = WithLostRanks(absl::UnavailableError("gone"), {1, 2});
  status = WithLostRanks(status, {5});
  EXPECT_EQ(LostRanks(status), Ranks{5});
  status = WithLostRanks(status, {});
  EXPECT_EQ(LostRanks(status), Ranks());
  EXPECT_EQ(status, absl::UnavailableError("gone"));
}

TEST(LostRanksTest, OkTakesNoList) {
  EXPECT_EQ(LostRanks(WithLostRanks(absl::OkStatus(), {1})), Ranks());
}

TEST(LostRanksTest, AListOutlivesOtherWords) {
  const absl::Status status = WithLostRanks(absl::AbortedError("a"), {4});
  EXPECT_EQ(LostRanks(WithMessage(status, "b")), Ranks{4});
}

TEST(LostRanksTest, WhatIsNoListNamesNobody) {
  absl::Status status = WithLostRanks(absl::UnavailableError("gone"), {1});
  status.ForEachPayload([&](absl::string_view type_url, const absl::Cord&) {
    absl::Status other = absl::UnavailableError("gone");
    other.SetPayload(type_url, absl::Cord("1,x"));
    EXPECT_EQ(LostRanks(other), Ranks());
  });
}

TEST(LostRanksTest, RanksAreTranslated) {
  const Ranks members = {1, 4, 6};
  EXPECT_EQ(PlacesAmong(members, {0, 4, 6, 99}), (Ranks{1, 2}));
  EXPECT_EQ(RanksAt(members, {0, 2}), (Ranks{1, 6}));
}

}  // namespace
}  // namespace parley
