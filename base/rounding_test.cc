// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/base/rounding.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace parley {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double Below(double x) { return std::nextafter(x, -kInfinity); }
double Above(double x) { return std::nextafter(x, kInfinity); }

struct Format {
  const char* name;
  uint16_t (*round)(double);
  double (*widen)(uint16_t);
  int exponent_bits;
  int mantissa_bits;

  uint16_t infinity() const {
    return static_cast<uint16_t>(((1 << exponent_bits) - 1) << mantissa_bits);
  }
};

const Format kFormats[] = {
    {"float16", RoundToFloat16, WidenFloat16, 5, 10},
    {"bfloat16", RoundToBFloat16, WidenBFloat16, 8, 7},
};

// Usable in constants.
static_assert(RoundToBFloat16(1 + 0x1p-8 + 0x1p-40) == 0x3f81);
static_assert(RoundToFloat16(1) == 0x3c00);
static_assert(WidenFloat16(0x3c00) == 1);

TEST(RoundingTest, BFloat16Golden) {
  EXPECT_EQ(RoundToBFloat16(1), 0x3f80);
  EXPECT_EQ(RoundToBFloat16(-2), 0xc000);
  // Ties go to even, one float64 ulp decides; float32 does not see it.
  EXPECT_EQ(RoundToBFloat16(1 + 0x1p-8), 0x3f80);
  EXPECT_EQ(RoundToBFloat16(Above(1 + 0x1p-8)), 0x3f81);
  EXPECT_EQ(RoundToBFloat16(1 + 0x1p-8 + 0x1p-40), 0x3f81);
  EXPECT_EQ(RoundToBFloat16(1 + 0x3p-8), 0x3f82);
  EXPECT_EQ(RoundToBFloat16(Below(1 + 0x3p-8)), 0x3f81);
  // Subnormals: the least is 2^-133.
  EXPECT_EQ(RoundToBFloat16(0x1p-133), 0x0001);
  EXPECT_EQ(RoundToBFloat16(0x1p-134), 0x0000);
  EXPECT_EQ(RoundToBFloat16(Above(0x1p-134)), 0x0001);
  EXPECT_EQ(RoundToBFloat16(-Above(0x1p-134)), 0x8001);
  EXPECT_EQ(RoundToBFloat16(0x3p-134), 0x0002);
  EXPECT_EQ(RoundToBFloat16(Below(0x3p-134)), 0x0001);
  EXPECT_EQ(RoundToBFloat16(0x1p-126), 0x0080);
  EXPECT_EQ(RoundToBFloat16(Below(0x1p-126)), 0x0080);
  EXPECT_EQ(RoundToBFloat16(5e-324), 0x0000);
  EXPECT_EQ(RoundToBFloat16(-5e-324), 0x8000);
  // Overflow: halfway beyond the largest.
  EXPECT_EQ(RoundToBFloat16(0x1.fep127), 0x7f7f);
  EXPECT_EQ(RoundToBFloat16(Below(0x1.ffp127)), 0x7f7f);
  EXPECT_EQ(RoundToBFloat16(0x1.ffp127), 0x7f80);
  EXPECT_EQ(RoundToBFloat16(-0x1.ffp127), 0xff80);
  EXPECT_EQ(RoundToBFloat16(1e300), 0x7f80);
}

TEST(RoundingTest, Float16Golden) {
  EXPECT_EQ(RoundToFloat16(1), 0x3c00);
  EXPECT_EQ(RoundToFloat16(-2), 0xc000);
  EXPECT_EQ(RoundToFloat16(1 + 0x1p-11), 0x3c00);
  EXPECT_EQ(RoundToFloat16(Above(1 + 0x1p-11)), 0x3c01);
  EXPECT_EQ(RoundToFloat16(1 + 0x1p-11 + 0x1p-40), 0x3c01);
  EXPECT_EQ(RoundToFloat16(1 + 0x3p-11), 0x3c02);
  EXPECT_EQ(RoundToFloat16(Below(1 + 0x3p-11)), 0x3c01);
  // Subnormals: the least is 2^-24.
  EXPECT_EQ(RoundToFloat16(0x1p-24), 0x0001);
  EXPECT_EQ(RoundToFloat16(0x1p-25), 0x0000);
  EXPECT_EQ(RoundToFloat16(Above(0x1p-25)), 0x0001);
  EXPECT_EQ(RoundToFloat16(-Above(0x1p-25)), 0x8001);
  EXPECT_EQ(RoundToFloat16(0x3p-25), 0x0002);
  EXPECT_EQ(RoundToFloat16(Below(0x3p-25)), 0x0001);
  EXPECT_EQ(RoundToFloat16(0x1p-14), 0x0400);
  EXPECT_EQ(RoundToFloat16(Below(0x1p-14)), 0x0400);
  EXPECT_EQ(RoundToFloat16(-5e-324), 0x8000);
  // Overflow: halfway beyond the largest.
  EXPECT_EQ(RoundToFloat16(65504), 0x7bff);
  EXPECT_EQ(RoundToFloat16(Below(65520)), 0x7bff);
  EXPECT_EQ(RoundToFloat16(65520), 0x7c00);
  EXPECT_EQ(RoundToFloat16(-65520), 0xfc00);
  EXPECT_EQ(RoundToFloat16(1e300), 0x7c00);
}

// What the bits mean, by arithmetic.
TEST(RoundingTest, WidensEveryNumber) {
  for (const Format& format : kFormats) {
    const int bias = (1 << (format.exponent_bits - 1)) - 1;
    for (int bits = 0; bits < format.infinity(); ++bits) {
      const int field = bits >> format.mantissa_bits;
      int mantissa = bits & ((1 << format.mantissa_bits) - 1);
      if (field != 0) mantissa += 1 << format.mantissa_bits;
      const int exponent = (field == 0 ? 1 : field) - bias;
      const double expected =
          std::ldexp(mantissa, exponent - format.mantissa_bits);
      ASSERT_EQ(format.widen(static_cast<uint16_t>(bits)), expected)
          << format.name << " " << bits;
      const double negative =
          format.widen(static_cast<uint16_t>(bits | 0x8000));
      ASSERT_EQ(negative, -expected) << format.name << " " << bits;
      ASSERT_TRUE(std::signbit(negative)) << format.name << " " << bits;
    }
  }
}

TEST(RoundingTest, KeepsEveryNumber) {
  for (const Format& format : kFormats) {
    for (int bits = 0; bits <= format.infinity(); ++bits) {
      for (int sign : {0, 0x8000}) {
        const auto number = static_cast<uint16_t>(bits | sign);
        ASSERT_EQ(format.round(format.widen(number)), number) << format.name;
      }
    }
  }
}

// Between every two neighbours: the tie and one float64 ulp on both sides.
TEST(RoundingTest, RoundsAroundEveryTie) {
  for (const Format& format : kFormats) {
    const uint16_t largest = format.infinity() - 1;
    for (uint16_t low = 0; low <= largest; ++low) {
      const auto high = static_cast<uint16_t>(low + 1);
      const double below = format.widen(low);
      // The spacing goes on beyond the largest number.
      const double spacing = low == largest ? below - format.widen(low - 1)
                                            : format.widen(high) - below;
      const double tie = below + spacing / 2;
      const uint16_t even = low % 2 == 0 ? low : high;
      ASSERT_EQ(format.round(tie), even) << format.name << " " << low;
      ASSERT_EQ(format.round(Below(tie)), low) << format.name << " " << low;
      ASSERT_EQ(format.round(Above(tie)), high) << format.name << " " << low;
      ASSERT_EQ(format.round(-tie), even | 0x8000) << format.name << " " << low;
    }
  }
}

TEST(RoundingTest, InfinitiesAndNans) {
  for (const Format& format : kFormats) {
    const uint16_t infinity = format.infinity();
    EXPECT_EQ(format.widen(infinity), kInfinity);
    EXPECT_EQ(format.widen(infinity | 0x8000), -kInfinity);
    EXPECT_EQ(format.round(kInfinity), infinity);
    EXPECT_EQ(format.round(-kInfinity), infinity | 0x8000);
    const double nan = format.widen(infinity + 1);
    EXPECT_EQ(BitCast<uint64_t>(nan), kCanonicalNanFloat64);
  }
  for (uint64_t bits : {0x7ff8000000000000u, 0xfff8000000000000u,
                        0x7ff0000000000001u, 0xfff7ffffffffffffu}) {
    const auto nan = BitCast<double>(bits);
    EXPECT_EQ(RoundToFloat16(nan), 0x7e00);
    EXPECT_EQ(RoundToBFloat16(nan), 0x7fc0);
    EXPECT_EQ(BitCast<uint32_t>(RoundToFloat32(nan)), 0x7fc00000u);
    EXPECT_EQ(BitCast<uint64_t>(RoundToFloat64(nan)), 0x7ff8000000000000u);
  }
}

TEST(RoundingTest, Float32AndFloat64) {
  EXPECT_EQ(RoundToFloat32(1 + 0x1p-24), 1.0f);
  EXPECT_EQ(RoundToFloat32(Above(1 + 0x1p-24)), 1.0f + 0x1p-23f);
  EXPECT_EQ(RoundToFloat32(0x1p-149), 0x1p-149f);
  EXPECT_EQ(RoundToFloat32(1e300), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::signbit(RoundToFloat32(-0.0)));
  EXPECT_EQ(RoundToFloat64(5e-324), 5e-324);
  EXPECT_TRUE(std::signbit(RoundToFloat64(-0.0)));
}

}  // namespace
}  // namespace parley
