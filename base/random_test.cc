// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Golden values were computed by an independent program that reproduces the
// published ones of xoshiro256++ and SplitMix64.
#include "parley/base/random.h"

#include <array>
#include <cstdint>

#include "gtest/gtest.h"

namespace parley {
namespace {

TEST(RandomTest, GoldenValues) {
  Random zero(0);
  EXPECT_EQ(zero.Next(), 0x53175d61490b23dfu);
  EXPECT_EQ(zero.Next(), 0x61da6f3dc380d507u);
  EXPECT_EQ(zero.Next(), 0x5c0fdf91ec9a7bfcu);
  EXPECT_EQ(zero.Next(), 0x02eebf8c3bbe5e1au);
  Random random(42);
  EXPECT_EQ(random.Next(), 0xd0764d4f4476689fu);
  EXPECT_EQ(random.Next(), 0x519e4174576f3791u);
  EXPECT_EQ(random.Next(), 0xfbe07cfb0c24ed8cu);
  EXPECT_EQ(random.Next(), 0xb37d9f600cd835b8u);
}

TEST(RandomTest, GoldenDoubles) {
  Random random(42);
  EXPECT_EQ(random.UniformDouble(), 0x1.a0ec9a9e88ecdp-1);
  EXPECT_EQ(random.UniformDouble(), 0x1.467905d15dbccp-2);
}

TEST(RandomTest, GoldenForks) {
  const Random random(42);
  EXPECT_EQ(random.Fork("faults").Next(), 0xd263c33aa3083be3u);
  EXPECT_EQ(random.Fork("rank", 3).Next(), 0x7d8ae964ecb9c9ffu);
}

TEST(RandomTest, ForksDoNotDependOnDraws) {
  Random random(7);
  const uint64_t before = random.Fork("x").Next();
  for (int i = 0; i < 10; ++i) random.Next();
  EXPECT_EQ(random.Fork("x").Next(), before);
  EXPECT_EQ(random.Fork("x", 2).Next(), Random(7).Fork("x", 2).Next());
}

TEST(RandomTest, ForkingDrawsNothing) {
  Random forked(7);
  Random plain(7);
  forked.Fork("x");
  forked.Fork("x", 1);
  EXPECT_EQ(forked.Next(), plain.Next());
}

TEST(RandomTest, ForksDiffer) {
  const Random random(7);
  EXPECT_NE(random.Fork("x").Next(), random.Fork("y").Next());
  EXPECT_NE(random.Fork("x").Next(), random.Fork("x", 0).Next());
  EXPECT_NE(random.Fork("x", 0).Next(), random.Fork("x", 1).Next());
  EXPECT_NE(random.Fork("x").Next(), Random(8).Fork("x").Next());
}

TEST(RandomTest, UniformStaysBelowItsBound) {
  Random random(1);
  for (uint64_t bound : {1u, 2u, 3u, 7u, 1000u}) {
    for (int i = 0; i < 1000; ++i) EXPECT_LT(random.Uniform(bound), bound);
  }
}

// 3/4 * 2^64: without rejection, the first third would come twice as often.
TEST(RandomTest, UniformHasNoBias) {
  Random random(1);
  constexpr uint64_t kThird = uint64_t{1} << 62;
  std::array<int, 3> counts{};
  for (int i = 0; i < 30000; ++i) ++counts[random.Uniform(3 * kThird) / kThird];
  // Five standard deviations are 408.
  for (int count : counts) EXPECT_NEAR(count, 10000, 408);
}

}  // namespace
}  // namespace parley
