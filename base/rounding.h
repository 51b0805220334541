// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// From float64 to the narrower floating-point formats in one rounding to
// nearest even, and back. Going through float32 would round twice: 1 + 2^-8 +
// 2^-40 is above the middle between two bfloat16 neighbours, 1 + 2^-8 is on it.
//
//   uint16_t bits = RoundToBFloat16(1 + 0x1p-8 + 0x1p-40);  // 0x3f81
//   double value = WidenBFloat16(bits);                     // 1 + 2^-7
//
// float16 and bfloat16 are handled as their bits, since C++20 has no such
// types. Subnormals are kept, overflow gives infinity, and every NaN becomes
// the format's canonical one: sign clear, only the quiet bit set. The 16-bit
// functions compute in integers and depend on no floating-point mode; those of
// float32 and float64 require the default one (round to nearest, no flushing).
//
// Thread-safety: thread-safe, pure functions.
#ifndef PARLEY_BASE_ROUNDING_H_
#define PARLEY_BASE_ROUNDING_H_

#include <cstdint>

#include "parley/base/host_device.h"

namespace parley {

inline constexpr uint64_t kCanonicalNanFloat64 = 0x7ff8000000000000u;
inline constexpr uint32_t kCanonicalNanFloat32 = 0x7fc00000u;
inline constexpr uint16_t kCanonicalNanFloat16 = 0x7e00u;
inline constexpr uint16_t kCanonicalNanBFloat16 = 0x7fc0u;

// The same bits as another type, as std::bit_cast, which nvcc cannot call on
// the device.
template <typename To, typename From>
PARLEY_HD constexpr To BitCast(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  return __builtin_bit_cast(To, from);
}

// A 16-bit format: 1 sign bit, kExponentBits, kMantissaBits.
template <int kExponentBits, int kMantissaBits>
struct Float16Format {
  static constexpr int kBias = (1 << (kExponentBits - 1)) - 1;
  static constexpr int kMinExponent = 1 - kBias;
  static constexpr uint16_t kInfinity = ((1 << kExponentBits) - 1)
                                        << kMantissaBits;
  static constexpr uint16_t kCanonicalNan =
      kInfinity | (1 << (kMantissaBits - 1));

  PARLEY_HD static constexpr uint16_t Round(double value);
  PARLEY_HD static constexpr double Widen(uint16_t bits);
};

template <int kExponentBits, int kMantissaBits>
PARLEY_HD constexpr uint16_t Float16Format<kExponentBits, kMantissaBits>::Round(
    double value) {
  const uint64_t bits = BitCast<uint64_t>(value);
  const uint64_t magnitude = bits & 0x7fffffffffffffffu;
  const auto sign = static_cast<uint16_t>(bits >> 63 << 15);
  if (magnitude > 0x7ff0000000000000u) return kCanonicalNan;

  // The significand as an integer, and how many of its low bits go: more below
  // the normal range, where the spacing stays what it is at kMinExponent.
  const int exponent = static_cast<int>(magnitude >> 52) - 1023;
  if (exponent > kBias) return sign | kInfinity;
  const uint64_t significand =
      (magnitude & 0x000fffffffffffffu) | 0x0010000000000000u;
  const bool subnormal = exponent < kMinExponent;
  const int dropped =
      52 - kMantissaBits + (subnormal ? kMinExponent - exponent : 0);
  if (dropped > 53) return sign;  // less than half of the least subnormal

  const uint64_t half = uint64_t{1} << (dropped - 1);
  uint64_t kept = significand >> dropped;
  const uint64_t rest = significand - (kept << dropped);
  if (rest > half || (rest == half && (kept & 1) != 0)) ++kept;

  // `kept` includes the leading one of a normal number, which adds one to the
  // exponent field; so does a carry out of the mantissa, up to infinity.
  const int field = subnormal ? 0 : exponent - kMinExponent;
  return static_cast<uint16_t>(
      sign | ((static_cast<uint64_t>(field) << kMantissaBits) + kept));
}

template <int kExponentBits, int kMantissaBits>
PARLEY_HD constexpr double Float16Format<kExponentBits, kMantissaBits>::Widen(
    uint16_t bits) {
  const uint64_t sign = static_cast<uint64_t>(bits >> 15) << 63;
  const int field = (bits & kInfinity) >> kMantissaBits;
  uint64_t mantissa = bits & ((1u << kMantissaBits) - 1);
  if (field == (1 << kExponentBits) - 1) {
    return BitCast<double>(mantissa != 0 ? kCanonicalNanFloat64
                                         : sign | 0x7ff0000000000000u);
  }
  int exponent = field - kBias;
  if (field == 0) {
    if (mantissa == 0) return BitCast<double>(sign);
    exponent = kMinExponent;
    while ((mantissa >> kMantissaBits) == 0) {
      mantissa <<= 1;
      --exponent;
    }
    mantissa &= (1u << kMantissaBits) - 1;
  }
  return BitCast<double>(sign | static_cast<uint64_t>(exponent + 1023) << 52 |
                         mantissa << (52 - kMantissaBits));
}

PARLEY_HD constexpr uint16_t RoundToFloat16(double value) {
  return Float16Format<5, 10>::Round(value);
}

PARLEY_HD constexpr uint16_t RoundToBFloat16(double value) {
  return Float16Format<8, 7>::Round(value);
}

PARLEY_HD constexpr float RoundToFloat32(double value) {
  return value == value ? static_cast<float>(value)
                        : BitCast<float>(kCanonicalNanFloat32);
}

// What rounding to float64 itself means: the canonical NaN.
PARLEY_HD constexpr double RoundToFloat64(double value) {
  return value == value ? value : BitCast<double>(kCanonicalNanFloat64);
}

PARLEY_HD constexpr double WidenFloat16(uint16_t bits) {
  return Float16Format<5, 10>::Widen(bits);
}

PARLEY_HD constexpr double WidenBFloat16(uint16_t bits) {
  return Float16Format<8, 7>::Widen(bits);
}

}  // namespace parley

#endif  // PARLEY_BASE_ROUNDING_H_
