// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/kernels/mean.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "parley/base/random.h"
#include "parley/base/rounding.h"
#include "parley/device/testing/values.h"

namespace parley::kernels {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The mean of one element per rank.
template <DType kDType>
auto MeanOf(const std::vector<typename Element<kDType>::Storage>& values,
            const std::vector<double>& weights = {}, double divisor = 0) {
  typename Element<kDType>::Storage result{};
  std::vector<const void*> inputs;
  for (const auto& value : values) inputs.push_back(&value);
  void* output = &result;
  MeanArgs args;
  args.dtype = kDType;
  args.num_inputs = static_cast<int>(values.size());
  args.num_outputs = 1;
  args.inputs = inputs.data();
  args.outputs = &output;
  args.weights = weights.empty() ? nullptr : weights.data();
  args.count = 1;
  args.divisor = divisor;
  MeanElement<kDType>(args, MeanDivisor(args), 0);
  return result;
}

TEST(MeanTest, SumsInRankOrder) {
  // 1 is lost against 1e16, unless the large ones cancel before.
  EXPECT_EQ(MeanOf<DType::kFloat64>({1e16, 1, -1e16, 1}), 0.25);
  EXPECT_EQ(MeanOf<DType::kFloat64>({1e16, -1e16, 1, 1}), 0.5);
  EXPECT_EQ(MeanOf<DType::kFloat64>({1, 1, 1e16, -1e16}), 0.5);
}

TEST(MeanTest, SumsInFloat64) {
  EXPECT_EQ(MeanOf<DType::kFloat32>({1e8f, 1, -1e8f, 1}), 0.5f);
  EXPECT_EQ(MeanOf<DType::kFloat32>({3e38f, 3e38f}), 3e38f);
}

TEST(MeanTest, RoundsOnce) {
  // (1 + 2^-8 + 2^-40) / 1 is above the tie that float32 would see.
  EXPECT_EQ(MeanOf<DType::kFloat32>({1 + 0x1p-23f, 1}), 1.0f);
  // 1, 1 + 2^-7 and a little: the mean is just above 1 + 2^-8.
  EXPECT_EQ(MeanOf<DType::kBFloat16>({0x3f80, 0x3f81}), 0x3f80);
  EXPECT_EQ(MeanOf<DType::kBFloat16>(
                {0x3f80, 0x3f81, 0x3f80, RoundToBFloat16(1.0078125),
                 RoundToBFloat16(0x1p-30),
                 RoundToBFloat16(1.00390625 * 5 - 4.015625)}),
            RoundToBFloat16(
                (1 + 1.0078125 + 1 + 1.0078125 + 0x1p-30 +
                 WidenBFloat16(RoundToBFloat16(1.00390625 * 5 - 4.015625))) /
                6));
}

TEST(MeanTest, WeightsMultiplyAndDivide) {
  EXPECT_EQ(MeanOf<DType::kFloat64>({1, 2, 4}, {1, 2, 5}), (1.0 + 4 + 20) / 8);
  EXPECT_EQ(MeanOf<DType::kFloat64>({3}, {0.1}), 0.1 * 3 / 0.1);
}

// For sums and terms of a mean that is formed elsewhere.
TEST(MeanTest, ADivisorTakesThePlaceOfTheMeans) {
  EXPECT_EQ(MeanOf<DType::kFloat64>({3, 4}, {}, 7), 1);
  EXPECT_EQ(MeanOf<DType::kFloat64>({49}, {}, 49), 1);  // 49 * (1 / 49) is not
  EXPECT_EQ(MeanOf<DType::kFloat64>({3}, {0.1}, 0.7), 0.1 * 3 / 0.7);
  EXPECT_EQ(MeanOf<DType::kFloat32>({3e38f, 3e38f}, {}, 1), kInfinity);
  EXPECT_TRUE(std::signbit(MeanOf<DType::kFloat32>({-0.0f}, {}, 1)));
}

// The exact w*x + sum would differ: 0x1.0000002p0 squared needs 57 bits.
TEST(MeanTest, DoesNotFuseMultiplyAndAdd) {
  const double x = 1 + 0x1p-28;
  const volatile double product = x * x;
  const volatile double sum = -1 + product;
  const volatile double divisor = 1 + x;
  ASSERT_NE(std::fma(x, x, -1), sum);
  EXPECT_EQ(MeanOf<DType::kFloat64>({-1, x}, {1, x}), sum / divisor);
}

TEST(MeanTest, KeepsSignsOfZero) {
  EXPECT_TRUE(std::signbit(MeanOf<DType::kFloat32>({-0.0f, -0.0f, -0.0f})));
  EXPECT_FALSE(std::signbit(MeanOf<DType::kFloat32>({-0.0f, 0.0f})));
}

TEST(MeanTest, InfinitiesAndNans) {
  EXPECT_EQ(MeanOf<DType::kFloat64>({kInfinity, 1}), kInfinity);
  EXPECT_EQ(BitCast<uint64_t>(MeanOf<DType::kFloat64>({kInfinity, -kInfinity})),
            kCanonicalNanFloat64);
  EXPECT_EQ(BitCast<uint64_t>(MeanOf<DType::kFloat64>({-kNan, 1})),
            kCanonicalNanFloat64);
  EXPECT_EQ(MeanOf<DType::kBFloat16>({0xffff, 0x3f80}), kCanonicalNanBFloat16);
  EXPECT_EQ(MeanOf<DType::kFloat16>({0x7c01, 0x3c00}), kCanonicalNanFloat16);
  EXPECT_EQ(
      BitCast<uint32_t>(MeanOf<DType::kFloat32>({BitCast<float>(0xff800001u)})),
      kCanonicalNanFloat32);
}

TEST(MeanTest, IntegersHalvesToEven) {
  EXPECT_EQ(MeanOf<DType::kInt32>({1, 2}), 2);
  EXPECT_EQ(MeanOf<DType::kInt32>({2, 3}), 2);
  EXPECT_EQ(MeanOf<DType::kInt32>({-1, -2}), -2);
  EXPECT_EQ(MeanOf<DType::kInt32>({-2, -3}), -2);
  EXPECT_EQ(MeanOf<DType::kInt32>({-1, 0}), 0);
  EXPECT_EQ(MeanOf<DType::kInt32>({1, 1, 2}), 1);
  EXPECT_EQ(MeanOf<DType::kInt32>({-1, -1, -2}), -1);
  EXPECT_EQ(MeanOf<DType::kInt32>({-1, -2, -2}), -2);
  EXPECT_EQ(MeanOf<DType::kUInt8>({255, 254}), 254);
  EXPECT_EQ(MeanOf<DType::kUInt8>({255, 255, 255}), 255);
}

TEST(MeanTest, IntegersDoNotOverflow) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  EXPECT_EQ(MeanOf<DType::kInt64>({kMax, kMax, kMax}), kMax);
  EXPECT_EQ(MeanOf<DType::kInt64>({kMin, kMin, kMin}), kMin);
  EXPECT_EQ(MeanOf<DType::kInt64>({kMin, kMax}), 0);
  EXPECT_EQ(MeanOf<DType::kInt64>({kMax, kMax - 1}), kMax - 1);
  EXPECT_EQ(MeanOf<DType::kInt64>(std::vector<int64_t>(1000, kMin)), kMin);
}

// Averaging n equal replicas gives the same bits, NaN payloads aside.
template <DType kDType>
void CheckEqualReplicas(const std::vector<uint64_t>& bits) {
  using Storage = typename Element<kDType>::Storage;
  for (uint64_t element : bits) {
    Storage value;
    std::memcpy(&value, &element, sizeof(value));
    if (std::isnan(Element<kDType>::Load(&value, 0))) continue;
    for (int n = 2; n <= 17; ++n) {
      const auto mean = MeanOf<kDType>(std::vector<Storage>(n, value));
      ASSERT_EQ(std::memcmp(&mean, &value, sizeof(value)), 0)
          << Name(kDType) << " " << element << " n = " << n;
    }
  }
}

TEST(MeanTest, EqualReplicasStayWhatTheyAre) {
  std::vector<uint64_t> every_16;
  for (uint64_t bits = 0; bits < 65536; ++bits) every_16.push_back(bits);
  CheckEqualReplicas<DType::kFloat16>(every_16);
  CheckEqualReplicas<DType::kBFloat16>(every_16);

  Random random(5);
  std::vector<uint64_t> some_32 = {0x80000000, 1,          0x80000001,
                                   0x007fffff, 0x7f7fffff, 0xff7fffff,
                                   0x7f800000};
  for (int i = 0; i < 20000; ++i) {
    float value;
    FillWithHardValues(random, DType::kFloat32, 1, &value);
    some_32.push_back(BitCast<uint32_t>(value));
  }
  CheckEqualReplicas<DType::kFloat32>(some_32);
}

}  // namespace
}  // namespace parley::kernels
