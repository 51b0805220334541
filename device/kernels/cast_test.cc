// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Golden values of Cast's scalar definition: that each pair of dtypes takes a
// way on which it is rounded once. How one format rounds is tested in
// base/rounding_test.cc.
#include "parley/device/kernels/cast.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

#include "gtest/gtest.h"
#include "parley/base/rounding.h"
#include "parley/device/kernels/element.h"
#include "parley/device/tensor.h"

namespace parley::kernels {
namespace {

constexpr DType kFloat32 = DType::kFloat32;
constexpr DType kFloat64 = DType::kFloat64;
constexpr DType kFloat16 = DType::kFloat16;
constexpr DType kBFloat16 = DType::kBFloat16;
constexpr DType kInt32 = DType::kInt32;
constexpr DType kInt64 = DType::kInt64;
constexpr DType kUInt8 = DType::kUInt8;
constexpr DType kBool = DType::kBool;

// The cast of one element between two others, which stay out of it.
template <DType kFrom, DType kTo>
typename Element<kTo>::Storage CastOf(typename Element<kFrom>::Storage value) {
  const typename Element<kFrom>::Storage from[3] = {1, value, 1};
  typename Element<kTo>::Storage to[3];
  std::memset(to, 0xa5, sizeof(to));
  CastElement<kFrom, kTo>(CastArgs{kFrom, kTo, from, to, 3}, 1);
  uint8_t guard[sizeof(to[0])];
  std::memset(guard, 0xa5, sizeof(guard));
  EXPECT_EQ(std::memcmp(&to[0], guard, sizeof(guard)), 0);
  EXPECT_EQ(std::memcmp(&to[2], guard, sizeof(guard)), 0);
  return to[1];
}

// As CastOf, from bits to bits.
template <DType kFrom, DType kTo>
uint64_t CastBits(uint64_t bits) {
  typename Element<kFrom>::Storage value;
  std::memcpy(&value, &bits, sizeof(value));
  const auto result = CastOf<kFrom, kTo>(value);
  uint64_t result_bits = 0;
  std::memcpy(&result_bits, &result, sizeof(result));
  return result_bits;
}

TEST(CastTest, Castable) {
  // One row per source, one column per target, in the order of kAllDTypes.
  const std::string expected[] = {
      "11110000",  // float32
      "11110000",  // float64
      "11110000",  // float16
      "11110000",  // bfloat16
      "11111100",  // int32
      "11110100",  // int64
      "11111110",  // uint8
      "11111111",  // bool
  };
  for (DType from : kAllDTypes) {
    std::string row;
    for (DType to : kAllDTypes) row += IsCastable(from, to) ? '1' : '0';
    EXPECT_EQ(row, expected[static_cast<int>(from)]) << Name(from);
  }
}

struct KnownBits {
  uint64_t one;
  uint64_t three;
  // Floating point only.
  uint64_t minus_zero;
  uint64_t minus_infinity;
  uint64_t nan;  // signalling, with a sign and a payload
  uint64_t canonical_nan;
};

KnownBits Known(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return {0x3f800000, 0x40400000, 0x80000000,
              0xff800000, 0xff800001, 0x7fc00000};
    case DType::kFloat64:
      return {0x3ff0000000000000, 0x4008000000000000, 0x8000000000000000,
              0xfff0000000000000, 0xfff0000000000001, 0x7ff8000000000000};
    case DType::kFloat16:
      return {0x3c00, 0x4200, 0x8000, 0xfc00, 0xfc01, 0x7e00};
    case DType::kBFloat16:
      return {0x3f80, 0x4040, 0x8000, 0xff80, 0xff81, 0x7fc0};
    default:
      return {1, 3, 0, 0, 0, 0};
  }
}

// Calls check(from, to) with the constants of every pair that is castable.
template <typename Check>
void ForEachPair(const Check& check) {
  for (DType from_dtype : kAllDTypes) {
    for (DType to_dtype : kAllDTypes) {
      SCOPED_TRACE(testing::Message()
                   << Name(from_dtype) << " to " << Name(to_dtype));
      VisitDType(from_dtype, [&](auto from) {
        VisitDType(to_dtype, [&](auto to) {
          constexpr DType kFrom = decltype(from)::value;
          constexpr DType kTo = decltype(to)::value;
          if constexpr (IsCastable(kFrom, kTo)) check(from, to);
        });
      });
    }
  }
}

TEST(CastTest, SmallNumbersInEveryPair) {
  ForEachPair([](auto from, auto to) {
    constexpr DType kFrom = decltype(from)::value;
    constexpr DType kTo = decltype(to)::value;
    const auto cast = CastBits<kFrom, kTo>;
    EXPECT_EQ(cast(0), 0u);
    EXPECT_EQ(cast(Known(kFrom).one), Known(kTo).one);
    // As a bool, 3 is true.
    EXPECT_EQ(cast(Known(kFrom).three),
              kFrom == kBool ? Known(kTo).one : Known(kTo).three);
  });
}

TEST(CastTest, SpecialNumbersInEveryFloatingPair) {
  ForEachPair([](auto from, auto to) {
    constexpr DType kFrom = decltype(from)::value;
    constexpr DType kTo = decltype(to)::value;
    if (!IsFloating(kFrom)) return;
    const auto cast = CastBits<kFrom, kTo>;
    EXPECT_EQ(cast(Known(kFrom).minus_zero), Known(kTo).minus_zero);
    EXPECT_EQ(cast(Known(kFrom).minus_infinity), Known(kTo).minus_infinity);
    EXPECT_EQ(cast(Known(kFrom).nan), Known(kTo).canonical_nan);
  });
}

// One float64 ulp above a tie: float32, on the way, would put it on the tie.
TEST(CastTest, Float64DoesNotGoThroughFloat32) {
  constexpr double kUlp = 0x1p-52;
  EXPECT_EQ((CastOf<kFloat64, kBFloat16>(1 + 0x1p-8 + kUlp)), 0x3f81);
  EXPECT_EQ((CastOf<kFloat64, kBFloat16>(1 + 0x1p-8)), 0x3f80);
  EXPECT_EQ((CastOf<kFloat64, kBFloat16>(1 + 0x3p-8 - kUlp)), 0x3f81);
  EXPECT_EQ((CastOf<kFloat64, kFloat16>(1 + 0x1p-11 + kUlp)), 0x3c01);
  EXPECT_EQ((CastOf<kFloat64, kFloat16>(1 + 0x1p-11)), 0x3c00);
  EXPECT_EQ((CastOf<kFloat64, kFloat16>(1 + 0x3p-11 - kUlp)), 0x3c01);
  EXPECT_EQ((CastOf<kFloat64, kFloat32>(1 + 0x1p-24 + kUlp)), 1 + 0x1p-23f);
  EXPECT_EQ((CastOf<kFloat64, kFloat32>(1 + 0x1p-24)), 1.0f);
}

TEST(CastTest, Float32To16Bits) {
  constexpr float kUlp = 0x1p-23f;
  EXPECT_EQ((CastOf<kFloat32, kBFloat16>(1 + 0x1p-8f - kUlp)), 0x3f80);
  EXPECT_EQ((CastOf<kFloat32, kBFloat16>(1 + 0x1p-8f)), 0x3f80);
  EXPECT_EQ((CastOf<kFloat32, kBFloat16>(1 + 0x1p-8f + kUlp)), 0x3f81);
  EXPECT_EQ((CastOf<kFloat32, kBFloat16>(1 + 0x3p-8f)), 0x3f82);
  EXPECT_EQ((CastOf<kFloat32, kFloat16>(-1 - 0x1p-11f)), 0xbc00);
  EXPECT_EQ((CastOf<kFloat32, kFloat16>(-1 - 0x1p-11f - kUlp)), 0xbc01);
  EXPECT_EQ((CastOf<kFloat32, kFloat16>(-1 - 0x3p-11f)), 0xbc02);
}

TEST(CastTest, Between16BitFormats) {
  // 1 + 4/1024 is halfway to bfloat16's next number.
  EXPECT_EQ((CastOf<kFloat16, kBFloat16>(0x3c04)), 0x3f80);
  EXPECT_EQ((CastOf<kFloat16, kBFloat16>(0x3c05)), 0x3f81);
  EXPECT_EQ((CastOf<kFloat16, kBFloat16>(0x3c0b)), 0x3f81);
  EXPECT_EQ((CastOf<kFloat16, kBFloat16>(0x3c0c)), 0x3f82);
  // The least float16 is a normal bfloat16; half of it is a tie with 0.
  EXPECT_EQ((CastOf<kFloat16, kBFloat16>(0x0001)), 0x3380);
  EXPECT_EQ((CastOf<kBFloat16, kFloat16>(0x3380)), 0x0001);
  EXPECT_EQ((CastOf<kBFloat16, kFloat16>(0x3300)), 0x0000);
  EXPECT_EQ((CastOf<kBFloat16, kFloat16>(0xb301)), 0x8001);
  // 65280 fits, 65536 does not.
  EXPECT_EQ((CastOf<kBFloat16, kFloat16>(0x477f)), 0x7bf8);
  EXPECT_EQ((CastOf<kBFloat16, kFloat16>(0x4780)), 0x7c00);
  EXPECT_EQ((CastOf<kBFloat16, kFloat16>(0xff7f)), 0xfc00);
}

TEST(CastTest, SubnormalsAreKept) {
  EXPECT_EQ((CastBits<kFloat64, kFloat64>(1)), 1u);
  EXPECT_EQ((CastBits<kFloat32, kFloat32>(0x80000001)), 0x80000001u);
  EXPECT_EQ((CastOf<kFloat32, kFloat64>(0x1p-149f)), 0x1p-149);
  EXPECT_EQ((CastOf<kFloat64, kFloat32>(0x1p-149)), 0x1p-149f);
  EXPECT_EQ((CastOf<kFloat64, kFloat32>(0x1p-150)), 0.0f);
  EXPECT_EQ((CastOf<kFloat64, kFloat32>(std::nextafter(0x1p-150, 1))),
            0x1p-149f);
  EXPECT_EQ((CastOf<kFloat32, kBFloat16>(0x1p-133f)), 0x0001);
  EXPECT_EQ((CastOf<kFloat32, kBFloat16>(-0x1p-134f)), 0x8000);
  EXPECT_EQ((CastOf<kFloat32, kBFloat16>(-0x1p-134f - 0x1p-149f)), 0x8001);
  EXPECT_EQ((CastBits<kBFloat16, kFloat32>(0x8001)), 0x80010000u);
  EXPECT_EQ((CastOf<kFloat16, kFloat64>(0x8001)), -0x1p-24);
}

TEST(CastTest, OverflowGivesInfinity) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ((CastOf<kFloat64, kFloat32>(-0x1.ffffffp127)), -kInfinity);
  EXPECT_EQ((CastOf<kFloat64, kFloat32>(0x1.fffffefffffffp127)),
            std::numeric_limits<float>::max());
  EXPECT_EQ((CastBits<kFloat32, kBFloat16>(0x7f7f7fff)), 0x7f7fu);
  EXPECT_EQ((CastBits<kFloat32, kBFloat16>(0x7f7f8000)), 0x7f80u);
  EXPECT_EQ((CastOf<kInt32, kFloat16>(65519)), 0x7bff);
  EXPECT_EQ((CastOf<kInt32, kFloat16>(65520)), 0x7c00);
  EXPECT_EQ((CastOf<kInt64, kFloat16>(std::numeric_limits<int64_t>::min())),
            0xfc00);
}

TEST(CastTest, IntegersRoundOnce) {
  EXPECT_EQ((CastOf<kInt32, kFloat32>(16777217)), 16777216.0f);
  EXPECT_EQ((CastOf<kInt32, kFloat32>(-16777219)), -16777220.0f);
  EXPECT_EQ((CastOf<kInt32, kBFloat16>(257)), 0x4380);
  EXPECT_EQ((CastOf<kInt32, kBFloat16>(259)), 0x4382);
  EXPECT_EQ((CastOf<kInt64, kFloat64>((int64_t{1} << 53) + 1)), 0x1p53);
  EXPECT_EQ((CastOf<kInt64, kFloat64>((int64_t{1} << 53) + 3)), 0x1p53 + 4);
  EXPECT_EQ((CastOf<kInt64, kFloat64>(std::numeric_limits<int64_t>::min())),
            -0x1p63);
  // Just above ties; float64, on the way, would put them on the ties.
  constexpr int64_t kBase = int64_t{1} << 62;
  EXPECT_EQ((CastOf<kInt64, kFloat32>(kBase + (int64_t{1} << 38) + 1)),
            0x1p62f + 0x1p39f);
  EXPECT_EQ((CastOf<kInt64, kFloat32>(kBase + (int64_t{1} << 38))), 0x1p62f);
  EXPECT_EQ((CastOf<kInt64, kBFloat16>(-kBase - (int64_t{1} << 54) - 1)),
            0xde81);
  EXPECT_EQ((CastOf<kInt64, kBFloat16>(-kBase - (int64_t{1} << 54))), 0xde80);
}

TEST(CastTest, IntegersWiden) {
  EXPECT_EQ((CastOf<kInt32, kInt64>(std::numeric_limits<int32_t>::min())),
            std::numeric_limits<int32_t>::min());
  EXPECT_EQ((CastOf<kUInt8, kInt32>(255)), 255);
  EXPECT_EQ((CastOf<kUInt8, kInt64>(128)), 128);
  EXPECT_EQ((CastOf<kUInt8, kFloat32>(255)), 255.0f);
  EXPECT_EQ((CastOf<kInt64, kInt64>(std::numeric_limits<int64_t>::min())),
            std::numeric_limits<int64_t>::min());
}

TEST(CastTest, EveryByteButZeroIsTrue) {
  for (int byte = 0; byte < 256; ++byte) {
    const auto value = static_cast<uint8_t>(byte);
    const int expected = byte == 0 ? 0 : 1;
    EXPECT_EQ((CastOf<kBool, kBool>(value)), expected) << byte;
    EXPECT_EQ((CastOf<kBool, kUInt8>(value)), expected) << byte;
    EXPECT_EQ((CastOf<kBool, kInt64>(value)), expected) << byte;
    EXPECT_EQ((CastOf<kBool, kFloat64>(value)), expected) << byte;
  }
}

}  // namespace
}  // namespace parley::kernels
