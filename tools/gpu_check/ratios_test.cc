// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/gpu_check/ratios.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace parley::gpu_check {
namespace {

using ::testing::HasSubstr;

Speed SpeedOf(double least, double median, double most) {
  return {"mean", {1e9 * most, 2e9 * least, 4e9 * median}, {1e9, 2e9, 4e9}};
}

TEST(RatiosTest, SpreadIsOfSortedValues) {
  const Spread odd = SpreadOf({3, 1, 2});
  EXPECT_EQ(odd.low, 1);
  EXPECT_EQ(odd.median, 2);
  EXPECT_EQ(odd.high, 3);
  EXPECT_EQ(SpreadOf({4, 1, 2, 3}).median, 2);
}

TEST(RatiosTest, RatioIsTakenByRepetition) {
  const Spread ratio = SpeedOf(0.25, 0.5, 0.75).Ratio();
  EXPECT_EQ(ratio.low, 0.25);
  EXPECT_EQ(ratio.median, 0.5);
  EXPECT_EQ(ratio.high, 0.75);
}

TEST(RatiosTest, TheMedianDecides) {
  const Speed good = SpeedOf(0.1, 0.9, 0.95);
  const Speed bad = SpeedOf(0.1, 0.899, 2);
  EXPECT_TRUE(AllMet({good}));
  EXPECT_FALSE(AllMet({good, bad}));
  EXPECT_FALSE(AllMet({}));
}

TEST(RatiosTest, TableHasALineForEach) {
  const std::string table =
      RatioTable({SpeedOf(0.5, 1, 1.5), SpeedOf(0.5, 0.75, 0.8)});
  EXPECT_THAT(table,
              HasSubstr("mean                           1.5       2.0   1.00"));
  EXPECT_THAT(table, HasSubstr("1.00  [0.50, 1.50] met\n"));
  EXPECT_THAT(table, HasSubstr("0.75  [0.50, 0.80] MISSED\n"));
}

}  // namespace
}  // namespace parley::gpu_check
