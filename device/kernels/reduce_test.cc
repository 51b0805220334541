// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Golden values of Reduce's scalar definition. 16-bit elements are given as
// their bits.
#include "parley/device/kernels/reduce.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "parley/base/rounding.h"
#include "parley/device/kernels/element.h"

namespace parley::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The reduction of one element per rank, which lies between two others.
template <DType kDType>
typename Element<kDType>::Storage ReduceOf(
    ReduceOp op, const std::vector<typename Element<kDType>::Storage>& values) {
  using Storage = typename Element<kDType>::Storage;
  std::vector<std::vector<Storage>> tensors;
  for (Storage value : values) tensors.push_back({9, value, 9});
  std::vector<const void*> inputs;
  for (const auto& tensor : tensors) inputs.push_back(tensor.data());
  Storage output[3] = {5, 5, 5};
  ReduceElement<kDType>(ReduceArgs{kDType, op, static_cast<int>(inputs.size()),
                                   inputs.data(), output, 3},
                        1);
  EXPECT_EQ(output[0], 5);
  EXPECT_EQ(output[2], 5);
  return output[1];
}

template <DType kDType>
auto Sum(const std::vector<typename Element<kDType>::Storage>& values) {
  return ReduceOf<kDType>(ReduceOp::kSum, values);
}
template <DType kDType>
auto Min(const std::vector<typename Element<kDType>::Storage>& values) {
  return ReduceOf<kDType>(ReduceOp::kMin, values);
}
template <DType kDType>
auto Max(const std::vector<typename Element<kDType>::Storage>& values) {
  return ReduceOf<kDType>(ReduceOp::kMax, values);
}

uint64_t Bits(double value) { return BitCast<uint64_t>(value); }
uint32_t Bits(float value) { return BitCast<uint32_t>(value); }

TEST(ReduceTest, SumsInTheOrderOfTheList) {
  EXPECT_EQ(Sum<DType::kFloat64>({1e16, 1, -1e16, 1}), 1);
  EXPECT_EQ(Sum<DType::kFloat64>({1e16, -1e16, 1, 1}), 2);
  EXPECT_EQ(Sum<DType::kFloat64>({1, 1, 1e16, -1e16}), 2);
}

TEST(ReduceTest, SumsInFloat64AndRoundsOnce) {
  EXPECT_EQ(Sum<DType::kFloat32>({1e8f, 1, -1e8f, 1}), 2);
  EXPECT_EQ(Sum<DType::kFloat32>({3e38f, 3e38f, -3e38f}), 3e38f);
  EXPECT_EQ(Sum<DType::kFloat32>({1, 0x1p-24f}), 1);
  EXPECT_EQ(Sum<DType::kFloat32>({1, 0x1p-24f, 0x1p-52f}), 1 + 0x1p-23f);
  // 1 + 2^-8 is a tie; 2^-40 decides, 2^-60 is lost in float64.
  EXPECT_EQ(Sum<DType::kBFloat16>({0x3f80, 0x3b80}), 0x3f80);
  EXPECT_EQ(Sum<DType::kBFloat16>({0x3f80, 0x3b80, 0x2b80}), 0x3f81);
  EXPECT_EQ(Sum<DType::kBFloat16>({0x3f80, 0x3b80, 0xab80}), 0x3f80);
  EXPECT_EQ(Sum<DType::kBFloat16>({0x3f80, 0x3b80, 0x2180}), 0x3f80);
  EXPECT_EQ(Sum<DType::kBFloat16>({0x3f81, 0x3b80}), 0x3f82);
  EXPECT_EQ(Sum<DType::kBFloat16>({0x3f81, 0x3b80, 0xab80}), 0x3f81);
  // 1 + 2^-11, and the least float16 beside it.
  EXPECT_EQ(Sum<DType::kFloat16>({0x3c00, 0x1000}), 0x3c00);
  EXPECT_EQ(Sum<DType::kFloat16>({0x3c00, 0x1000, 0x0001}), 0x3c01);
  EXPECT_EQ(Sum<DType::kFloat16>({0x3c01, 0x1000, 0x8001}), 0x3c01);
}

TEST(ReduceTest, SumsAtTheEndsOfTheRange) {
  EXPECT_EQ(Sum<DType::kFloat64>({0x1p-1074, 0x1p-1074}), 0x1p-1073);
  EXPECT_EQ(Sum<DType::kFloat32>({0x1p-149f, 0x1p-126f, -0x1p-126f}),
            0x1p-149f);
  EXPECT_EQ(Sum<DType::kFloat16>({0x0001, 0x0001, 0x0001}), 0x0003);
  EXPECT_EQ(Sum<DType::kBFloat16>({0x8001, 0x807f}), 0x8080);
  EXPECT_EQ(Sum<DType::kFloat16>({0x7bff, 0x4c00}), 0x7c00);
  EXPECT_EQ(Sum<DType::kFloat16>({0x7bff, 0x4bff}), 0x7bff);
  EXPECT_EQ(Sum<DType::kBFloat16>({0xff7f, 0xff7f}), 0xff80);
  EXPECT_EQ(Sum<DType::kFloat32>({3e38f, 3e38f}), kInfinity);
  EXPECT_EQ(Sum<DType::kFloat64>({1e308, 1e308, -1e308}), kInfinity);
}

TEST(ReduceTest, SumsOfZerosInfinitiesAndNans) {
  EXPECT_EQ(Bits(Sum<DType::kFloat64>({-0.0, -0.0})), Bits(-0.0));
  EXPECT_EQ(Bits(Sum<DType::kFloat64>({-0.0, 0.0})), Bits(0.0));
  EXPECT_EQ(Sum<DType::kBFloat16>({0x8000, 0x8000, 0x8000}), 0x8000);
  EXPECT_EQ(Sum<DType::kFloat32>({1, -kInfinity, 1}), -kInfinity);
  EXPECT_EQ(Bits(Sum<DType::kFloat64>({kInfinity, -kInfinity})),
            kCanonicalNanFloat64);
  EXPECT_EQ(Bits(Sum<DType::kFloat32>({1, BitCast<float>(0xff800001u)})),
            kCanonicalNanFloat32);
  EXPECT_EQ(Sum<DType::kFloat16>({0x7c00, 0xfc00}), kCanonicalNanFloat16);
  EXPECT_EQ(Sum<DType::kBFloat16>({0xffff, 0x3f80}), kCanonicalNanBFloat16);
}

TEST(ReduceTest, IntegerSumsWrapAround) {
  constexpr int32_t kMax32 = std::numeric_limits<int32_t>::max();
  constexpr int32_t kMin32 = std::numeric_limits<int32_t>::min();
  EXPECT_EQ(Sum<DType::kInt32>({kMax32, 1}), kMin32);
  EXPECT_EQ(Sum<DType::kInt32>({kMin32, -1}), kMax32);
  EXPECT_EQ(Sum<DType::kInt32>({kMin32, kMin32, -7}), -7);
  constexpr int64_t kMax64 = std::numeric_limits<int64_t>::max();
  constexpr int64_t kMin64 = std::numeric_limits<int64_t>::min();
  EXPECT_EQ(Sum<DType::kInt64>({kMax64, 2}), kMin64 + 1);
  EXPECT_EQ(Sum<DType::kInt64>({kMin64, -1, 1}), kMin64);
  EXPECT_EQ(Sum<DType::kUInt8>({200, 100}), 44);
  EXPECT_EQ(Sum<DType::kUInt8>({255, 255, 255}), 253);
}

// float64 could not tell these apart.
TEST(ReduceTest, IntegersAreReducedAsIntegers) {
  constexpr int64_t kLarge = (int64_t{1} << 62) + 1;
  EXPECT_EQ(Sum<DType::kInt64>({kLarge, 1}), kLarge + 1);
  EXPECT_EQ(Min<DType::kInt64>({kLarge, kLarge - 1, kLarge}), kLarge - 1);
  EXPECT_EQ(Max<DType::kInt64>({kLarge - 1, kLarge, kLarge - 2}), kLarge);
}

TEST(ReduceTest, IntegerMinimumAndMaximum) {
  EXPECT_EQ(Min<DType::kInt32>({3, -5, 4}), -5);
  EXPECT_EQ(Max<DType::kInt32>({-3, -5, -4}), -3);
  EXPECT_EQ(Min<DType::kUInt8>({200, 100}), 100);
  EXPECT_EQ(Max<DType::kUInt8>({100, 200}), 200);
  EXPECT_EQ(Min<DType::kInt64>({std::numeric_limits<int64_t>::max(),
                                std::numeric_limits<int64_t>::min()}),
            std::numeric_limits<int64_t>::min());
}

TEST(ReduceTest, OfBoolsMinimumIsAndMaximumIsOr) {
  EXPECT_EQ(Min<DType::kBool>({1, 1}), 1);
  EXPECT_EQ(Min<DType::kBool>({1, 0}), 0);
  EXPECT_EQ(Max<DType::kBool>({0, 1}), 1);
  EXPECT_EQ(Max<DType::kBool>({0, 0}), 0);
  // Any byte but 0 is true, though these have no bit in common.
  EXPECT_EQ(Min<DType::kBool>({2, 4}), 1);
  EXPECT_EQ(Max<DType::kBool>({0, 8}), 1);
  EXPECT_EQ(Max<DType::kBool>({2}), 1);
}

TEST(ReduceTest, FloatingMinimumAndMaximum) {
  EXPECT_EQ(Min<DType::kFloat64>({1, -kInfinity, 5e-324}), -kInfinity);
  EXPECT_EQ(Max<DType::kFloat64>({-1, -5e-324, -2}), -5e-324);
  EXPECT_EQ(Min<DType::kFloat32>({0x1p-149f, 0x1p-148f}), 0x1p-149f);
  EXPECT_EQ(Max<DType::kFloat32>({1, 1 + 0x1p-23f, 1}), 1 + 0x1p-23f);
  // As integers, the bits of negative numbers go the other way.
  EXPECT_EQ(Min<DType::kFloat16>({0xbc00, 0xc000, 0x3c00}), 0xc000);
  EXPECT_EQ(Max<DType::kFloat16>({0xbc00, 0xc000}), 0xbc00);
  EXPECT_EQ(Max<DType::kBFloat16>({0x0001, 0x8001}), 0x0001);
  EXPECT_EQ(Min<DType::kBFloat16>({0x7f7f, 0x7f80}), 0x7f7f);
}

TEST(ReduceTest, MinusZeroIsLessThanZero) {
  for (const std::vector<double>& zeros :
       {std::vector<double>{-0.0, 0.0}, {0.0, -0.0}, {0.0, -0.0, 0.0}}) {
    EXPECT_EQ(Bits(Min<DType::kFloat64>(zeros)), Bits(-0.0));
    EXPECT_EQ(Bits(Max<DType::kFloat64>(zeros)), Bits(0.0));
  }
  EXPECT_EQ(Bits(Min<DType::kFloat64>({0.0, 0.0})), Bits(0.0));
  EXPECT_EQ(Bits(Max<DType::kFloat64>({-0.0, -0.0})), Bits(-0.0));
  EXPECT_EQ(Bits(Max<DType::kFloat32>({-0.0f, 0.0f})), Bits(0.0f));
  EXPECT_EQ(Min<DType::kFloat16>({0x0000, 0x8000}), 0x8000);
  EXPECT_EQ(Max<DType::kBFloat16>({0x8000, 0x0000}), 0x0000);
}

TEST(ReduceTest, MinimumAndMaximumWithNans) {
  const double nan = -BitCast<double>(uint64_t{0x7ff0000000000001});
  for (const std::vector<double>& values :
       {std::vector<double>{nan, 1}, {1, nan}, {1, nan, -kInfinity}, {nan}}) {
    EXPECT_EQ(Bits(Min<DType::kFloat64>(values)), kCanonicalNanFloat64);
    EXPECT_EQ(Bits(Max<DType::kFloat64>(values)), kCanonicalNanFloat64);
  }
  EXPECT_EQ(Bits(Min<DType::kFloat32>({BitCast<float>(0xff800001u), 1})),
            kCanonicalNanFloat32);
  EXPECT_EQ(Max<DType::kFloat16>({0x3c00, 0xfc01}), kCanonicalNanFloat16);
  EXPECT_EQ(Min<DType::kBFloat16>({0xff81, 0x3f80}), kCanonicalNanBFloat16);
}

TEST(ReduceTest, OfOneInputIsItsValue) {
  EXPECT_EQ(Sum<DType::kInt64>({-3}), -3);
  for (ReduceOp op : {ReduceOp::kSum, ReduceOp::kMin, ReduceOp::kMax}) {
    EXPECT_EQ(Bits(ReduceOf<DType::kFloat64>(op, {-0.0})), Bits(-0.0));
    EXPECT_EQ(ReduceOf<DType::kFloat32>(op, {0x1p-149f}), 0x1p-149f);
    EXPECT_EQ(Bits(ReduceOf<DType::kFloat64>(op, {-kNan})),
              kCanonicalNanFloat64);
  }
}

}  // namespace
}  // namespace parley::kernels
