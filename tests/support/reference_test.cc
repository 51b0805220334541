// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The reference against numbers worked out by hand.
#include "parley/tests/support/reference.h"

#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace parley::testing {
namespace {

template <typename T>
T Mean(DType dtype, const std::vector<T>& values,
       const std::vector<double>& weights = {}) {
  std::vector<const void*> inputs;
  for (const T& value : values) inputs.push_back(&value);
  T mean;
  ReferenceMean(dtype, inputs, weights, 1, &mean);
  return mean;
}

TEST(ReferenceTest, RoundsOnceToNearestEven) {
  // 1 and 1 + 2^-7: the half-way point goes to the even 1.
  EXPECT_EQ(Mean<uint16_t>(DType::kBFloat16, {0x3f80, 0x3f81}), 0x3f80);
  EXPECT_EQ(Mean<uint16_t>(DType::kBFloat16, {0x3f81, 0x3f82}), 0x3f82);
  // 1 + 2^-8 is half-way; 2^-40 more is not, though float32 cannot hold it.
  EXPECT_EQ(Mean<uint16_t>(DType::kBFloat16, {0x4080, 0x3c80, 0, 0}), 0x3f80);
  EXPECT_EQ(Mean<uint16_t>(DType::kBFloat16, {0x4080, 0x3c80, 0x2c80, 0}),
            0x3f81);
  EXPECT_EQ(Mean<uint16_t>(DType::kFloat16, {0x3c00, 0x3c01}), 0x3c00);
  EXPECT_EQ(Mean<uint16_t>(DType::kFloat16, {0x3c01, 0x3c02}), 0x3c02);
}

TEST(ReferenceTest, KeepsSubnormalsAndReachesInfinity) {
  EXPECT_EQ(Mean<uint16_t>(DType::kFloat16, {0x0001, 0x0003}), 0x0002);
  EXPECT_EQ(Mean<uint16_t>(DType::kFloat16, {0x8001, 0x8001}), 0x8001);
  EXPECT_EQ(Mean<uint16_t>(DType::kFloat16, {0x7bff, 0x7bff}), 0x7bff);
  EXPECT_EQ(Mean<uint16_t>(DType::kFloat16, {0x7c00, 0x3c00}), 0x7c00);
  EXPECT_EQ(Mean<uint16_t>(DType::kFloat16, {0x7c00, 0xfc00}), 0x7e00);
  EXPECT_EQ(Mean<uint16_t>(DType::kBFloat16, {0xffff, 0x3f80}), 0x7fc0);
}

TEST(ReferenceTest, KeepsTheSignOfZero) {
  EXPECT_EQ(Mean<uint16_t>(DType::kFloat16, {0x8000, 0x8000}), 0x8000);
  EXPECT_EQ(Mean<uint16_t>(DType::kFloat16, {0x8000, 0x0000}), 0x0000);
  EXPECT_EQ(Mean<uint32_t>(DType::kFloat32, {0x80000000, 0x80000000}),
            0x80000000);
}

TEST(ReferenceTest, SumsInRankOrder) {
  EXPECT_EQ(Mean<double>(DType::kFloat64, {1e17, 1, -1e17, 3}), 0.75);
  EXPECT_EQ(Mean<double>(DType::kFloat64, {1e17, -1e17, 1, 3}), 1);
}

TEST(ReferenceTest, WeightsCountAndZeroSkips) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(Mean<float>(DType::kFloat32, {1, 5}, {3, 1}), 2);
  EXPECT_EQ(Mean<float>(DType::kFloat32, {nan, 5, 7}, {0, 2, 2}), 6);
  // Equal weights are no weights: in float64, 0.1 * 3 / 0.1 is not 3.
  EXPECT_EQ(Mean<double>(DType::kFloat64, {3, 3}, {0.1, 0.1}), 3);
}

TEST(ReferenceTest, IntegersRoundHalvesToEven) {
  EXPECT_EQ(Mean<int32_t>(DType::kInt32, {1, 2}), 2);
  EXPECT_EQ(Mean<int32_t>(DType::kInt32, {2, 3}), 2);
  EXPECT_EQ(Mean<int32_t>(DType::kInt32, {-1, -2}), -2);
  EXPECT_EQ(Mean<int32_t>(DType::kInt32, {-2, -3}), -2);
  EXPECT_EQ(Mean<uint8_t>(DType::kUInt8, {255, 255, 0}), 170);
  const int64_t max = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(Mean<int64_t>(DType::kInt64, {max, max, max}), max);
}

}  // namespace
}  // namespace parley::testing
