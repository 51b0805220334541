// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Golden values of the element-wise operations: what each formula gives, and
// that each pair of dtypes takes a way on which it is rounded once. 16-bit
// elements are given as their bits. That the other forms of the kernels give
// the same is tested for all operations at once, beside them.
#include "parley/device/kernels/elementwise.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

#include "gtest/gtest.h"
#include "parley/base/rounding.h"
#include "parley/device/dtype.h"
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

// One element of an operand, between two that stay as they are.
template <DType kDType>
struct Guarded {
  explicit Guarded(Storage<kDType> value) { values[1] = value; }
  ~Guarded() {
    EXPECT_EQ(values[0], 5);
    EXPECT_EQ(values[2], 5);
  }
  Storage<kDType> values[3] = {5, 5, 5};
};

template <DType kX, DType kY = kX>
Storage<kY> LerpOf(double t, Storage<kX> x, Storage<kY> y) {
  Guarded<kX> from(x);
  Guarded<kY> to(y);
  ElementwiseElement<LerpOp>({ElementwiseOp::kLerp, {kX, kY}, {t}},
                             {{from.values, to.values}, 3}, 1);
  EXPECT_EQ(std::memcmp(&from.values[1], &x, sizeof(x)), 0);
  return to.values[1];
}

template <DType kFrom, DType kTo>
Storage<kTo> CastOf(Storage<kFrom> value) {
  Guarded<kFrom> from(value);
  Guarded<kTo> to(7);
  ElementwiseElement<CastOp>({ElementwiseOp::kCast, {kFrom, kTo}},
                             {{from.values, to.values}, 3}, 1);
  EXPECT_EQ(std::memcmp(&from.values[1], &value, sizeof(value)), 0);
  return to.values[1];
}

// As CastOf, from bits to bits.
template <DType kFrom, DType kTo>
uint64_t CastBits(uint64_t bits) {
  Storage<kFrom> value;
  std::memcpy(&value, &bits, sizeof(value));
  const auto result = CastOf<kFrom, kTo>(value);
  uint64_t result_bits = 0;
  std::memcpy(&result_bits, &result, sizeof(result));
  return result_bits;
}

uint64_t Bits(double value) { return BitCast<uint64_t>(value); }
uint32_t Bits(float value) { return BitCast<uint32_t>(value); }

TEST(ElementwiseTest, OperationsHaveNames) {
  EXPECT_STREQ(NameOf(ElementwiseOp::kLerp), "Lerp");
  const ElementwiseSignature lerp = SignatureOf(ElementwiseOp::kLerp);
  ASSERT_EQ(lerp.num_operands(), 2);
  EXPECT_STREQ(lerp.operands[0].name, "x");
  EXPECT_TRUE(lerp.operands[0].is_read() && !lerp.operands[0].is_written());
  EXPECT_TRUE(lerp.operands[1].is_read() && lerp.operands[1].is_written());
  ASSERT_EQ(lerp.num_scalars(), 1);
  EXPECT_STREQ(lerp.scalars[0], "t");
  const ElementwiseSignature cast = SignatureOf(ElementwiseOp::kCast);
  EXPECT_EQ(cast.num_scalars(), 0);
  EXPECT_TRUE(!cast.operands[1].is_read() && cast.operands[1].is_written());
}

TEST(ElementwiseTest, BytesCountWhatIsReadAndWritten) {
  EXPECT_EQ(BytesPerElement({ElementwiseOp::kLerp, {kFloat32, kFloat32}}), 12);
  EXPECT_EQ(BytesPerElement({ElementwiseOp::kLerp, {kBFloat16, kFloat32}}), 10);
  EXPECT_EQ(BytesPerElement({ElementwiseOp::kCast, {kFloat64, kBFloat16}}), 10);
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

// What an average of a 16-bit model is kept in: the step that bfloat16 would
// lose stays.
TEST(LerpTest, OperandsHaveDtypesOfTheirOwn) {
  EXPECT_EQ((LerpOf<kBFloat16, kFloat32>(0.001, 0x4000, 1)), 1.001f);
  EXPECT_EQ((LerpOf<kBFloat16>(0.001, 0x4000, 0x3f80)), 0x3f80);
  EXPECT_EQ((LerpOf<kFloat32, kBFloat16>(0.25, 5, 0x3f80)), 0x4000);
  EXPECT_EQ((LerpOf<kFloat16, kFloat64>(0x1p-60, 0x4000, 0x1p-30)),
            0x1p-30 + 0x1p-59 - 0x1p-90);
  EXPECT_EQ((LerpOf<kFloat64, kFloat16>(0.5, 3, 0x3c00)), 0x4000);
}

// What one step of Nesterov's leaves.
template <DType kModel, DType kState>
struct Stepped {
  Storage<kModel> model;
  Storage<kState> anchor;
  Storage<kState> v;
};

template <DType kModel, DType kState = kModel, DType kMean = kModel>
Stepped<kModel, kState> NesterovOf(double learning_rate, double momentum,
                                   Storage<kState> anchor, Storage<kState> v,
                                   Storage<kMean> mean) {
  Guarded<kModel> models(7);
  Guarded<kState> anchors(anchor), vs(v);
  Guarded<kMean> means(mean);
  ElementwiseElement<NesterovOp>(
      {ElementwiseOp::kNesterov,
       {kModel, kState, kMean, kState},
       {learning_rate, momentum}},
      {{models.values, anchors.values, means.values, vs.values}, 3}, 1);
  EXPECT_EQ(std::memcmp(&means.values[1], &mean, sizeof(mean)), 0);
  return {models.values[1], anchors.values[1], vs.values[1]};
}

// Ranks that move by -1 between meetings, with 0.7 and 0.9: torch.optim.SGD's
// steps, summed up.
TEST(NesterovTest, FollowsTorchsFormula) {
  double anchor = 0, v = 0;
  const double anchors[] = {-1.33, -3.227, -5.6343, -8.50087};
  const double vs[] = {1, 1.9, 2.71, 3.439};
  for (int n = 0; n < 4; ++n) {
    const auto step =
        NesterovOf<kFloat64>(0.7, 0.9, anchor, v, /*mean=*/anchor - 1);
    EXPECT_NEAR(step.anchor, anchors[n], 1e-14) << n;
    EXPECT_NEAR(step.v, vs[n], 1e-14) << n;
    EXPECT_EQ(Bits(step.model), Bits(step.anchor));
    anchor = step.anchor;
    v = step.v;
  }
}

TEST(NesterovTest, SmallNumbers) {
  // g = 4 - 2, v = 0.5 * 6 + 2, 4 - 0.25 * (2 + 0.5 * 5)
  const auto step = NesterovOf<kFloat32>(0.25, 0.5, 4, 6, 2);
  EXPECT_EQ(step.v, 5);
  EXPECT_EQ(step.anchor, 2.875f);
  EXPECT_EQ(step.model, 2.875f);
  // Without momentum and with a rate of 1 the mean itself.
  EXPECT_EQ(NesterovOf<kFloat64>(1, 0, 4, 6, 2).model, 2);
}

// Each operand that is written is rounded from float64, not from another one.
TEST(NesterovTest, OperandsHaveDtypesOfTheirOwn) {
  const auto step = NesterovOf<kBFloat16, kFloat32, kFloat32>(
      1, 0, 1, 5, 1 + 0x1p-8f + 0x1p-20f);
  EXPECT_EQ(step.anchor, 1 + 0x1p-8f + 0x1p-20f);
  EXPECT_EQ(step.model, 0x3f81);
  EXPECT_EQ(step.v, -0x1p-8f - 0x1p-20f);
  // Through float32 1 + 2^-8 + 2^-40 would be on the tie.
  const auto close = NesterovOf<kBFloat16, kFloat32, kFloat64>(
      1, 0, 1, 5, 1 + 0x1p-8 + 0x1p-40);
  EXPECT_EQ(close.anchor, 1 + 0x1p-8f);
  EXPECT_EQ(close.model, 0x3f81);
  // The step is made of v itself, 1 + 2^-8, and not of what is stored, 1.
  const auto kept = NesterovOf<kFloat64, kBFloat16, kFloat64>(
      1, 1, 0x3f80, 0x3f80, 1 - 0x1p-8);
  EXPECT_EQ(kept.v, 0x3f80);
  EXPECT_EQ(kept.model, 1 - (0x1p-8 + (1 + 0x1p-8)));
}

// The last bit of the product is lost, as in LerpTest; fused it would stay.
TEST(NesterovTest, RoundsEachOperationInFloat64) {
  constexpr double kT = 1 + 0x1p-28;
  EXPECT_EQ(NesterovOf<kFloat64>(0, kT, 0, kT, 1).v, 0x1p-27);
  // 1 - kT * kT, with g = kT and v = 0.
  EXPECT_EQ(NesterovOf<kFloat64>(kT, 0, 1, 0, -0x1p-28).anchor, -0x1p-27);
}

TEST(NesterovTest, ZerosInfinitiesAndNans) {
  EXPECT_EQ(Bits(NesterovOf<kFloat64>(0.5, 0.5, -0.0, 0, -0.0).v), Bits(0.0));
  EXPECT_EQ(NesterovOf<kFloat32>(0.5, 0.5, 1, 1, -kInfinity).model, -kInfinity);
  const auto nan = NesterovOf<kFloat16>(0.5, 0.5, 0x3c00, 0xfc01, 0x3c00);
  EXPECT_EQ(nan.model, kCanonicalNanFloat16);
  EXPECT_EQ(nan.anchor, kCanonicalNanFloat16);
  EXPECT_EQ(nan.v, kCanonicalNanFloat16);
}

struct KnownBits {
  uint64_t one;
  uint64_t three;
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
      return {};
  }
}

// Calls check(from, to) with the constants of every pair of dtypes.
template <typename Check>
void ForEachPair(const Check& check) {
  for (DType from_dtype : kAllDTypes) {
    for (DType to_dtype : kAllDTypes) {
      SCOPED_TRACE(testing::Message() << static_cast<int>(from_dtype) << " to "
                                      << static_cast<int>(to_dtype));
      VisitFloating(from_dtype, [&](auto from) {
        VisitFloating(to_dtype, [&](auto to) { check(from, to); });
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
    EXPECT_EQ(cast(Known(kFrom).three), Known(kTo).three);
  });
}

TEST(CastTest, SpecialNumbersInEveryPair) {
  ForEachPair([](auto from, auto to) {
    constexpr DType kFrom = decltype(from)::value;
    constexpr DType kTo = decltype(to)::value;
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
  EXPECT_EQ((CastOf<kFloat64, kFloat32>(-0x1.ffffffp127)), -kInfinity);
  EXPECT_EQ((CastOf<kFloat64, kFloat32>(0x1.fffffefffffffp127)),
            std::numeric_limits<float>::max());
  EXPECT_EQ((CastBits<kFloat32, kBFloat16>(0x7f7f7fff)), 0x7f7fu);
  EXPECT_EQ((CastBits<kFloat32, kBFloat16>(0x7f7f8000)), 0x7f80u);
  EXPECT_EQ((CastOf<kFloat32, kFloat16>(65519)), 0x7bff);
  EXPECT_EQ((CastOf<kFloat32, kFloat16>(65520)), 0x7c00);
  EXPECT_EQ((CastOf<kFloat64, kFloat16>(-0x1p63)), 0xfc00);
}

}  // namespace
}  // namespace parley::kernels
