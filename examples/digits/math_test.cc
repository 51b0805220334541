// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/examples/digits/math.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "gtest/gtest.h"
#include "parley/base/random.h"

namespace parley::digits {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int kSamples = 100000;

// |actual - expected| in units in the last place of `expected`.
double UlpError(double actual, long double expected) {
  const double magnitude = std::fabs(static_cast<double>(expected));
  const double ulp = std::nextafter(magnitude, kInfinity) - magnitude;
  return static_cast<double>(std::fabs(actual - expected) / ulp);
}

TEST(ExpTest, HasGoldenBits) {
  const struct {
    double x;
    uint64_t bits;
  } kCases[] = {{1.0, 0x4005bf0a8b14576a},    {-1.0, 0x3fd78b56362cef38},
                {0.1, 0x3ff1aec7b35a00d4},    {-0.3333333, 0x3fe6edd31f01d377},
                {10.0, 0x40d5829dcf950560},   {-20.5, 0x3e157a3afeed00ac},
                {88.7, 0x47ef4705bbffae5c},   {700.0, 0x7f0d945df4f8ec8e},
                {-700.0, 0x00d14f2b0fb9307f}, {-740.0, 0x0000000000000055},
                {1e-9, 0x3ff000000044b830}};
  for (const auto& c : kCases) {
    EXPECT_EQ(std::bit_cast<uint64_t>(Exp(c.x)), c.bits) << "exp " << c.x;
  }
}

TEST(ExpTest, IsWithinTwoUlpOfTheTruth) {
  Random random(1);
  for (int i = 0; i < kSamples; ++i) {
    const double x = -708 + 1417 * random.UniformDouble();
    ASSERT_LT(UlpError(Exp(x), std::exp(static_cast<long double>(x))), 2) << x;
  }
}

TEST(ExpTest, HandlesTheEndsOfTheRange) {
  EXPECT_EQ(Exp(0), 1);
  EXPECT_EQ(Exp(kInfinity), kInfinity);
  EXPECT_EQ(Exp(-kInfinity), 0);
  EXPECT_TRUE(std::isnan(Exp(kNaN)));
  EXPECT_EQ(Exp(709.79), kInfinity);
  EXPECT_TRUE(std::isfinite(Exp(709.78)));
  EXPECT_EQ(Exp(-745.2), 0);
  EXPECT_EQ(Exp(-745.0), std::numeric_limits<double>::denorm_min());
}

TEST(LogTest, HasGoldenBits) {
  const struct {
    double x;
    uint64_t bits;
  } kCases[] = {
      {2.0, 0x3fe62e42fefa39ef},        {10.0, 0x40026bb1bbb55516},
      {0.1, 0xc0026bb1bbb55515},        {1.0000001, 0x3e7ad7f2847b6492},
      {0.9999999, 0xbe7ad7f2b1049b9f},  {1.4142135, 0x3fd62e42cf9ee3eb},
      {0.70710678, 0xbfd62e4300c77ae8}, {1e300, 0x4085963447f87fb5},
      {1e-300, 0xc085963447f87fb5},     {5e-324, 0xc0874385446d71c3}};
  for (const auto& c : kCases) {
    EXPECT_EQ(std::bit_cast<uint64_t>(Log(c.x)), c.bits) << "log " << c.x;
  }
}

TEST(LogTest, IsWithinTwoUlpOfTheTruth) {
  Random random(1);
  for (int i = 0; i < kSamples; ++i) {
    // Any exponent, then the neighbourhood of one, where bits could cancel.
    for (double x : {std::bit_cast<double>(random.Next() >> 1),
                     0.5 + 1.5 * random.UniformDouble()}) {
      if (x == 1 || !std::isfinite(x)) continue;
      ASSERT_LT(UlpError(Log(x), std::log(static_cast<long double>(x))), 2)
          << x;
    }
  }
}

TEST(LogTest, HandlesTheEndsOfTheRange) {
  EXPECT_EQ(Log(1), 0);
  EXPECT_EQ(Log(kInfinity), kInfinity);
  EXPECT_EQ(Log(0), -kInfinity);
  EXPECT_TRUE(std::isnan(Log(-1)));
  EXPECT_TRUE(std::isnan(Log(kNaN)));
}

}  // namespace
}  // namespace parley::digits
