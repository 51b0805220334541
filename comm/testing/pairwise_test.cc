// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/testing/pairwise.h"

#include <set>
#include <tuple>

#include "gtest/gtest.h"

namespace parley::testing {
namespace {

TEST(PairwiseTest, CoversEveryPairInFarFewerCells) {
  const std::vector<int> factors = {7, 16, 10, 8};
  const auto cells = PairwiseCover(factors);
  std::set<std::tuple<int, int, int, int>> seen;
  for (const auto& cell : cells) {
    ASSERT_EQ(cell.size(), factors.size());
    for (int f = 0; f < 4; ++f) {
      ASSERT_GE(cell[f], 0);
      ASSERT_LT(cell[f], factors[f]);
      for (int g = f + 1; g < 4; ++g) seen.insert({f, cell[f], g, cell[g]});
    }
  }
  size_t pairs = 0;
  for (int f = 0; f < 4; ++f) {
    for (int g = f + 1; g < 4; ++g) pairs += factors[f] * factors[g];
  }
  EXPECT_EQ(seen.size(), pairs);
  EXPECT_LT(cells.size(), 250u);
  EXPECT_EQ(FullProduct(factors).size(), 7u * 16 * 10 * 8);
  EXPECT_EQ(cells, PairwiseCover(factors));
}

}  // namespace
}  // namespace parley::testing
