// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Golden values of the scalar definitions of Axpby, Lerp and Delta. 16-bit
// elements are given as their bits.
#include "parley/device/kernels/combine.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include "gtest/gtest.h"
#include "parley/base/rounding.h"
#include "parley/device/kernels/element.h"

namespace parley::kernels {
namespace {

constexpr DType kFloat32 = DType::kFloat32;
constexpr DType kFloat64 = DType::kFloat64;
constexpr DType kFloat16 = DType::kFloat16;
constexpr DType kBFloat16 = DType::kBFloat16;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

template <DType kDType>
using Storage = typename Element<kDType>::Storage;

// Each works on the middle one of three elements, and leaves the others alone.
template <DType kDType>
Storage<kDType> AxpbyOf(double a, Storage<kDType> x, double b,
                        Storage<kDType> y) {
  const Storage<kDType> xs[3] = {7, x, 7};
  Storage<kDType> ys[3] = {5, y, 5};
  AxpbyElement<kDType>(AxpbyArgs{kDType, a, b, xs, ys, 3}, 1);
  EXPECT_EQ(ys[0], 5);
  EXPECT_EQ(ys[2], 5);
  return ys[1];
}

template <DType kDType>
Storage<kDType> LerpOf(double t, Storage<kDType> x, Storage<kDType> y) {
  const Storage<kDType> xs[3] = {7, x, 7};
  Storage<kDType> ys[3] = {5, y, 5};
  LerpElement<kDType>(LerpArgs{kDType, t, xs, ys, 3}, 1);
  EXPECT_EQ(ys[0], 5);
  EXPECT_EQ(ys[2], 5);
  return ys[1];
}

template <DType kDType>
Storage<kDType> DeltaOf(Storage<kDType> a, Storage<kDType> b) {
  const Storage<kDType> as[3] = {7, a, 7};
  const Storage<kDType> bs[3] = {3, b, 3};
  Storage<kDType> outputs[3] = {5, 5, 5};
  DeltaElement<kDType>(DeltaArgs{kDType, as, bs, outputs, 3}, 1);
  EXPECT_EQ(outputs[0], 5);
  EXPECT_EQ(outputs[2], 5);
  return outputs[1];
}

uint64_t Bits(double value) { return BitCast<uint64_t>(value); }
uint32_t Bits(float value) { return BitCast<uint32_t>(value); }

TEST(AxpbyTest, SmallNumbers) {
  // 2 * 3 + 0.5 * 8
  EXPECT_EQ(AxpbyOf<kFloat64>(2, 3, 0.5, 8), 10);
  EXPECT_EQ(AxpbyOf<kFloat32>(2, 3, 0.5, 8), 10);
  EXPECT_EQ(AxpbyOf<kFloat16>(2, 0x4200, 0.5, 0x4800), 0x4900);
  EXPECT_EQ(AxpbyOf<kBFloat16>(2, 0x4040, 0.5, 0x4100), 0x4120);
}

// The sum is just above a tie of the dtype; a product or a sum that is rounded
// to float32 or to the dtype on the way puts it on the tie.
TEST(AxpbyTest, RoundsOnce) {
  EXPECT_EQ(AxpbyOf<kBFloat16>(1 + 0x1p-40, 0x3f80, 1, 0x3b80), 0x3f81);
  EXPECT_EQ(AxpbyOf<kBFloat16>(1, 0x3f80, 1, 0x3b80), 0x3f80);
  EXPECT_EQ(AxpbyOf<kBFloat16>(1 - 0x1p-40, 0x3f80, 1, 0x3b80), 0x3f80);
  EXPECT_EQ(AxpbyOf<kFloat16>(1 + 0x1p-40, 0x3c00, 1, 0x1000), 0x3c01);
  EXPECT_EQ(AxpbyOf<kFloat16>(1, 0x3c00, 1, 0x1000), 0x3c00);
  EXPECT_EQ(AxpbyOf<kFloat32>(1 + 0x1p-50, 1, 1, 0x1p-24f), 1 + 0x1p-23f);
  EXPECT_EQ(AxpbyOf<kFloat32>(1, 1, 1, 0x1p-24f), 1);
}

// The last bit of the product is half a float64 ulp and is lost; a fused
// multiply-add would keep it, and the rest cancels.
TEST(AxpbyTest, DoesNotFuseMultiplyAndAdd) {
  constexpr double kA = 1 + 0x1p-28;
  ASSERT_EQ(std::fma(kA, kA, -1), 0x1p-27 + 0x1p-56);
  EXPECT_EQ(AxpbyOf<kFloat64>(kA, kA, -1, 1), 0x1p-27);
  EXPECT_EQ(AxpbyOf<kFloat64>(-1, 1, kA, kA), 0x1p-27);

  constexpr float kX = 1 + 0x1p-13f;
  ASSERT_EQ(std::fma(1 + 0x1p-40, kX, -kX), 0x1p-40 + 0x1p-53);
  EXPECT_EQ(AxpbyOf<kFloat32>(1 + 0x1p-40, kX, -1, kX), 0x1p-40f);
  EXPECT_EQ(AxpbyOf<kFloat32>(-1, kX, 1 + 0x1p-40, kX), 0x1p-40f);

  // Fused: 0x2881 and 0x3001.
  EXPECT_EQ(AxpbyOf<kBFloat16>(1 + 0x1p-46, 0x3f81, -1, 0x3f81), 0x2880);
  EXPECT_EQ(AxpbyOf<kFloat16>(0x1p40 + 0x1p-3, 0x3c01, -0x1p40, 0x3c01),
            0x3000);
}

TEST(AxpbyTest, SubnormalsAndOverflow) {
  EXPECT_EQ(AxpbyOf<kFloat64>(0.5, 0x1p-1073, 0, 1), 0x1p-1074);
  EXPECT_EQ(AxpbyOf<kFloat32>(1, 0x1p-149f, 1, 0x1p-149f), 0x1p-148f);
  EXPECT_EQ(AxpbyOf<kFloat16>(0.5, 0x0001, 0, 0x3c00), 0x0000);
  EXPECT_EQ(AxpbyOf<kFloat16>(0.5 + 0x1p-50, 0x0001, 0, 0x3c00), 0x0001);
  EXPECT_EQ(AxpbyOf<kBFloat16>(1, 0x0001, 2, 0x0001), 0x0003);
  // 65504 + 16 is halfway beyond the largest float16.
  EXPECT_EQ(AxpbyOf<kFloat16>(1, 0x7bff, 1, 0x4c00), 0x7c00);
  EXPECT_EQ(AxpbyOf<kFloat16>(1, 0x7bff, 1, 0x4bff), 0x7bff);
  EXPECT_EQ(AxpbyOf<kFloat32>(-1, 3e38f, -1, 3e38f), -kInfinity);
  // What overflows float32 on the way does no harm.
  EXPECT_EQ(AxpbyOf<kFloat32>(2, 3e38f, -1, 3e38f), 3e38f);
}

TEST(AxpbyTest, ZerosInfinitiesAndNans) {
  EXPECT_TRUE(std::signbit(AxpbyOf<kFloat64>(1, -0.0, 1, -0.0)));
  EXPECT_FALSE(std::signbit(AxpbyOf<kFloat64>(1, -0.0, 1, 0.0)));
  EXPECT_EQ(AxpbyOf<kBFloat16>(1, 0x8000, 1, 0x8000), 0x8000);
  EXPECT_EQ(AxpbyOf<kFloat16>(1, 0x7c00, -2, 0x3c00), 0x7c00);
  // 0 times infinity, infinity minus infinity, and a NaN with a payload.
  EXPECT_EQ(Bits(AxpbyOf<kFloat64>(0, kInfinity, 1, 1)), kCanonicalNanFloat64);
  EXPECT_EQ(AxpbyOf<kFloat16>(1, 0x7c00, -1, 0x7c00), kCanonicalNanFloat16);
  EXPECT_EQ(AxpbyOf<kBFloat16>(0, 0x3f80, 1, 0xff81), kCanonicalNanBFloat16);
  EXPECT_EQ(Bits(AxpbyOf<kFloat32>(1, BitCast<float>(0xffc12345u), 0, 1)),
            kCanonicalNanFloat32);
}

TEST(LerpTest, SmallNumbers) {
  // 1 + 0.25 * (5 - 1)
  EXPECT_EQ(LerpOf<kFloat64>(0.25, 5, 1), 2);
  EXPECT_EQ(LerpOf<kFloat32>(0.25, 5, 1), 2);
  EXPECT_EQ(LerpOf<kFloat16>(0.25, 0x4500, 0x3c00), 0x4000);
  EXPECT_EQ(LerpOf<kBFloat16>(0.25, 0x40a0, 0x3f80), 0x4000);
  // Beyond both ends.
  EXPECT_EQ(LerpOf<kFloat64>(2, 5, 1), 9);
  EXPECT_EQ(LerpOf<kFloat64>(-1, 5, 1), -3);
}

TEST(LerpTest, RoundsEachOperationInFloat64) {
  // As above, the last bit of the product is lost.
  constexpr double kT = 1 + 0x1p-28;
  ASSERT_EQ(std::fma(kT, kT, -1), 0x1p-27 + 0x1p-56);
  EXPECT_EQ(LerpOf<kFloat64>(kT, 0x1p-28, -1), 0x1p-27);
  // 1 - 2^60 is -2^60; (1 - t) * y + t * x would be 2^20 + 1.
  EXPECT_EQ(LerpOf<kFloat64>(1 - 0x1p-40, 1, 0x1p60), 0x1p20);
}

TEST(LerpTest, RoundsToTheDtypeOnce) {
  // 1 + t * (2 - 1), with t at a tie and one bit of float64 beside it.
  EXPECT_EQ(LerpOf<kBFloat16>(0x1p-8, 0x4000, 0x3f80), 0x3f80);
  EXPECT_EQ(LerpOf<kBFloat16>(0x1p-8 + 0x1p-52, 0x4000, 0x3f80), 0x3f81);
  EXPECT_EQ(LerpOf<kBFloat16>(0x3p-8, 0x4000, 0x3f80), 0x3f82);
  EXPECT_EQ(LerpOf<kBFloat16>(0x3p-8 - 0x1p-52, 0x4000, 0x3f80), 0x3f81);
  EXPECT_EQ(LerpOf<kFloat16>(0x1p-11, 0x4000, 0x3c00), 0x3c00);
  EXPECT_EQ(LerpOf<kFloat16>(0x1p-11 + 0x1p-52, 0x4000, 0x3c00), 0x3c01);
  EXPECT_EQ(LerpOf<kFloat32>(0x1p-24, 2, 1), 1);
  EXPECT_EQ(LerpOf<kFloat32>(0x1p-24 + 0x1p-52, 2, 1), 1 + 0x1p-23f);
  // The difference overflows float32, and the sum of two subnormals is one.
  EXPECT_EQ(LerpOf<kFloat32>(0.5, 3e38f, -3e38f), 0);
  EXPECT_EQ(LerpOf<kFloat32>(0.5, 0x1p-148f, 0), 0x1p-149f);
  EXPECT_EQ(LerpOf<kFloat16>(2, 0x7bff, 0), 0x7c00);
}

TEST(LerpTest, AtZeroLeavesY) {
  for (double t : {0.0, -0.0}) {
    for (double x : {1.0, kInfinity, kNan, 1e308}) {
      EXPECT_EQ(Bits(LerpOf<kFloat64>(t, x, -0.0)), Bits(-0.0)) << x;
      EXPECT_EQ(LerpOf<kFloat64>(t, x, -1e308), -1e308) << x;
      EXPECT_EQ(LerpOf<kFloat64>(t, x, -kInfinity), -kInfinity) << x;
      EXPECT_EQ(LerpOf<kFloat64>(t, x, 0x1p-1074), 0x1p-1074) << x;
    }
  }
}

TEST(LerpTest, AtOneGivesX) {
  for (double y : {1.0, -kInfinity, kNan, 1e308}) {
    EXPECT_EQ(Bits(LerpOf<kFloat64>(1, -0.0, y)), Bits(-0.0)) << y;
    EXPECT_EQ(LerpOf<kFloat64>(1, 0x1p-1074, y), 0x1p-1074) << y;
    EXPECT_EQ(LerpOf<kFloat64>(1, 0.1, y), 0.1) << y;
    EXPECT_EQ(LerpOf<kFloat64>(1, -1e308, y), -1e308) << y;
    EXPECT_EQ(LerpOf<kFloat64>(1, kInfinity, y), kInfinity) << y;
  }
  EXPECT_EQ(LerpOf<kFloat32>(1, 1, 1e30f), 1);
  // Next to 1 it is the formula, which loses x.
  EXPECT_EQ(LerpOf<kFloat64>(1 - 0x1p-53, 1, 0x1p80), 0x1p27);
}

// y's value, or x's; of a NaN the payload is no part.
TEST(LerpTest, EndsKeepEvery16BitNumber) {
  for (uint32_t i = 0; i < 65536; ++i) {
    const auto bits = static_cast<uint16_t>(i);
    const bool nan16 = (bits & 0x7fff) > 0x7c00;
    const uint16_t kept16 = nan16 ? kCanonicalNanFloat16 : bits;
    ASSERT_EQ(LerpOf<kFloat16>(0, 0x7c00, bits), kept16);
    ASSERT_EQ(LerpOf<kFloat16>(1, bits, 0x7c00), kept16);
    const bool nan_b16 = (bits & 0x7fff) > 0x7f80;
    const uint16_t kept_b16 = nan_b16 ? kCanonicalNanBFloat16 : bits;
    ASSERT_EQ(LerpOf<kBFloat16>(0, 0x7f80, bits), kept_b16);
    ASSERT_EQ(LerpOf<kBFloat16>(1, bits, 0x7f80), kept_b16);
  }
}

TEST(LerpTest, Nans) {
  EXPECT_EQ(Bits(LerpOf<kFloat64>(0, 1, -kNan)), kCanonicalNanFloat64);
  EXPECT_EQ(Bits(LerpOf<kFloat64>(1, -kNan, 1)), kCanonicalNanFloat64);
  EXPECT_EQ(Bits(LerpOf<kFloat32>(0.5, BitCast<float>(0xff800001u), 1)),
            kCanonicalNanFloat32);
  EXPECT_EQ(LerpOf<kFloat16>(0.5, 0x7c00, 0x7c00), kCanonicalNanFloat16);
  EXPECT_EQ(LerpOf<kBFloat16>(0.5, 0x3f80, 0xffff), kCanonicalNanBFloat16);
}

TEST(DeltaTest, SmallNumbers) {
  EXPECT_EQ(DeltaOf<kFloat64>(3, 1), 2);
  EXPECT_EQ(DeltaOf<kFloat32>(1, 3), -2);
  EXPECT_EQ(DeltaOf<kFloat16>(0x4200, 0x3c00), 0x4000);
  EXPECT_EQ(DeltaOf<kBFloat16>(0x3f80, 0x4040), 0xc000);
}

TEST(DeltaTest, RoundsOnce) {
  // 1 + 2^-8, and a bit of the second operand more.
  EXPECT_EQ(DeltaOf<kBFloat16>(0x3f80, 0xbb80), 0x3f80);
  EXPECT_EQ(DeltaOf<kBFloat16>(0x3f80, 0xbb81), 0x3f81);
  // 1 + 2^-7 + 2^-8 is a tie as well, and goes up to even.
  EXPECT_EQ(DeltaOf<kBFloat16>(0x3f81, 0xbb80), 0x3f82);
  EXPECT_EQ(DeltaOf<kFloat16>(0x3c00, 0x9000), 0x3c00);
  EXPECT_EQ(DeltaOf<kFloat16>(0x3c00, 0x9001), 0x3c01);
  EXPECT_EQ(DeltaOf<kFloat16>(0x3c01, 0x9000), 0x3c02);
  EXPECT_EQ(DeltaOf<kFloat32>(1, -0x1p-24f), 1);
  EXPECT_EQ(DeltaOf<kFloat32>(1, -0x1.000002p-24f), 1 + 0x1p-23f);
}

TEST(DeltaTest, SubnormalsAndOverflow) {
  EXPECT_EQ(DeltaOf<kFloat64>(0x1p-1022, 0x0.fffffffffffffp-1022), 0x1p-1074);
  EXPECT_EQ(DeltaOf<kFloat32>(0x1p-126f, 0x0.fffffep-126f), 0x1p-149f);
  EXPECT_EQ(DeltaOf<kFloat16>(0x0400, 0x03ff), 0x0001);
  EXPECT_EQ(DeltaOf<kBFloat16>(0x007f, 0x0080), 0x8001);
  EXPECT_EQ(DeltaOf<kFloat16>(0xfbff, 0x4c00), 0xfc00);
  EXPECT_EQ(DeltaOf<kFloat16>(0xfbff, 0x4bff), 0xfbff);
  EXPECT_EQ(DeltaOf<kFloat32>(3e38f, -3e38f), kInfinity);
}

TEST(DeltaTest, ZerosInfinitiesAndNans) {
  EXPECT_EQ(Bits(DeltaOf<kFloat64>(-0.0, 0.0)), Bits(-0.0));
  EXPECT_EQ(Bits(DeltaOf<kFloat64>(-0.0, -0.0)), Bits(0.0));
  EXPECT_EQ(Bits(DeltaOf<kFloat32>(-1, -1)), Bits(0.0f));
  EXPECT_EQ(DeltaOf<kFloat32>(1, kInfinity), -kInfinity);
  EXPECT_EQ(Bits(DeltaOf<kFloat64>(kInfinity, kInfinity)),
            kCanonicalNanFloat64);
  EXPECT_EQ(Bits(DeltaOf<kFloat32>(1, BitCast<float>(0xff800001u))),
            kCanonicalNanFloat32);
  EXPECT_EQ(DeltaOf<kFloat16>(0xfc01, 0x3c00), kCanonicalNanFloat16);
  EXPECT_EQ(DeltaOf<kBFloat16>(0x7f80, 0x7f80), kCanonicalNanBFloat16);
}

}  // namespace
}  // namespace parley::kernels
