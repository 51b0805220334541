// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/weights.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace parley {
namespace {

using ::testing::ElementsAre;

std::vector<double> ByRank(const Weights& weights, int ranks) {
  std::vector<double> result;
  for (int r = 0; r < ranks; ++r) result.push_back(weights.of(r));
  return result;
}

TEST(WeightsTest, EqualOnesAreNumbersOfRanks) {
  Weights weights(4);
  weights.Set({2, 0, 2, 2});
  EXPECT_THAT(weights.ranks(), ElementsAre(0, 2, 3));
  EXPECT_TRUE(weights.are_equal());
  EXPECT_THAT(ByRank(weights, 4), ElementsAre(1, 0, 1, 1));
  EXPECT_EQ(weights.sum(), 3);
}

TEST(WeightsTest, DifferentOnesAreKept) {
  Weights weights(4);
  weights.Set({0, 0.5, 3, 0});
  EXPECT_THAT(weights.ranks(), ElementsAre(1, 2));
  EXPECT_FALSE(weights.are_equal());
  EXPECT_EQ(weights.values()[0], 0.5);
  EXPECT_EQ(weights.values()[1], 3);
  EXPECT_THAT(ByRank(weights, 4), ElementsAre(0, 0.5, 3, 0));
  EXPECT_EQ(weights.sum(), 3.5);
}

// Nothing is left of a meeting before.
TEST(WeightsTest, MayBeSetAgain) {
  Weights weights(2);
  weights.Set({1, 3});
  weights.Set({0, 7});
  EXPECT_THAT(weights.ranks(), ElementsAre(1));
  EXPECT_TRUE(weights.are_equal());
  EXPECT_EQ(weights.sum(), 1);
}

}  // namespace
}  // namespace parley
