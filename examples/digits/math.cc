// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/examples/digits/math.h"

#include <array>
#include <bit>
#include <cstdint>
#include <limits>

#ifdef __FAST_MATH__
#error "Reordered arithmetic has other bits: build without -ffast-math."
#endif

namespace parley::digits {
namespace {

// ln 2 in two parts: the high one has trailing zeros, so that its product with
// an exponent is exact.
constexpr double kLn2High = 0x1.62e42feep-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kLog2E = 0x1.71547652b82fep+0;
constexpr double kSqrt2 = 0x1.6a09e667f3bcdp+0;

constexpr uint64_t kMantissaMask = (uint64_t{1} << 52) - 1;
constexpr int kExponentBias = 1023;

// 1/0!, 1/1!, ... With |r| <= ln(2)/2 the next term is below 2^-57.
constexpr int kExpTerms = 14;
constexpr std::array<double, kExpTerms> InverseFactorials() {
  std::array<double, kExpTerms> result{};
  double factorial = 1;
  for (int k = 0; k < kExpTerms; ++k) {
    if (k > 0) factorial *= k;
    result[k] = 1 / factorial;
  }
  return result;
}
constexpr std::array<double, kExpTerms> kInverseFactorials =
    InverseFactorials();

// Terms of the series below. With s^2 < 0.0295 the next one is below 2^-59.
constexpr int kLogTerms = 10;

// 2^exponent, for a normal result.
double PowerOfTwo(int exponent) {
  return std::bit_cast<double>(static_cast<uint64_t>(exponent + kExponentBias)
                               << 52);
}

// A positive normal number as mantissa * 2^exponent with the mantissa in
// [sqrt(1/2), sqrt(2)).
struct Split {
  double mantissa;
  int exponent;
};

Split SplitNormal(double x) {
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  Split split;
  split.exponent = static_cast<int>(bits >> 52) - kExponentBias;
  split.mantissa = std::bit_cast<double>(
      (bits & kMantissaMask) | (static_cast<uint64_t>(kExponentBias) << 52));
  if (split.mantissa >= kSqrt2) {
    split.mantissa *= 0.5;
    ++split.exponent;
  }
  return split;
}

}  // namespace

// exp(x) = 2^k exp(r) with r = x - k ln 2, and Taylor's series for exp(r).
double Exp(double x) {
  if (x != x) return x;
  if (x > 710) return std::numeric_limits<double>::infinity();
  if (x < -746) return 0;
  const int k = static_cast<int>(x * kLog2E + (x < 0 ? -0.5 : 0.5));
  const double r = (x - k * kLn2High) - k * kLn2Low;
  double sum = kInverseFactorials[kExpTerms - 1];
  for (int i = kExpTerms - 2; i >= 0; --i)
    sum = sum * r + kInverseFactorials[i];
  // In two steps: 2^k itself may be out of range where the result is not.
  const int half = k / 2;
  return sum * PowerOfTwo(half) * PowerOfTwo(k - half);
}

// log(2^k (1 + f)) = k ln 2 + log(1 + f), and with s = f / (2 + f)
// log(1 + f) = 2 (s + s^3/3 + s^5/5 + ...)
//            = f - f^2/2 + s (f^2/2 + 2 s^2/3 + 2 s^4/5 + ...),
// the last of which loses no bits, since f is exact and the rest is small.
double Log(double x) {
  if (x != x || x == std::numeric_limits<double>::infinity()) return x;
  if (x < 0) return std::numeric_limits<double>::quiet_NaN();
  if (x == 0) return -std::numeric_limits<double>::infinity();
  int offset = 0;
  if (x < std::numeric_limits<double>::min()) {
    x *= 0x1p54;
    offset = -54;
  }
  const Split split = SplitNormal(x);
  const double k = split.exponent + offset;
  const double f = split.mantissa - 1;
  const double s = f / (2 + f);
  const double z = s * s;
  double series = 0;
  for (int i = kLogTerms; i > 0; --i) series = (series + 2.0 / (2 * i + 1)) * z;
  const double half_square = 0.5 * f * f;
  return k * kLn2High -
         ((half_square - (s * (half_square + series) + k * kLn2Low)) - f);
}

}  // namespace parley::digits
