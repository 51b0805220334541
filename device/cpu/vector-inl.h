// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Vectors of elements: how each floating-point dtype is widened to a vector of
// float64 and rounded back, for the instruction set that is being compiled. The
// same results, bit for bit, as kernels::Element.
//
// Included once per instruction set, see hwy/foreach_target.h.

// Per-target include guard.
#if defined(PARLEY_DEVICE_CPU_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PARLEY_DEVICE_CPU_VECTOR_INL_H_
#undef PARLEY_DEVICE_CPU_VECTOR_INL_H_
#else
#define PARLEY_DEVICE_CPU_VECTOR_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"
#include "parley/base/rounding.h"
#include "parley/device/tensor.h"

#if defined(__FAST_MATH__)
#error "Parley's results are defined bit for bit: do not use -ffast-math."
#endif

// What Highway does without instructions for vectors is left to the scalar
// loops: its one-lane target lacks half of the operations, and the one that
// emulates vectors rounds infinity to the largest float.
#undef PARLEY_HAS_VECTORS
#define PARLEY_HAS_VECTORS \
  (HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128)

// Whether Highway converts float16 by instructions of the processor. Version
// 1.0.3 is wrong where it emulates them: infinities and NaNs are widened to
// numbers, and many numbers are not rounded to the nearest.
#undef PARLEY_HAS_FLOAT16
#define PARLEY_HAS_FLOAT16 (!HWY_ARCH_X86 || HWY_TARGET <= HWY_AVX2)

#if PARLEY_HAS_VECTORS
HWY_BEFORE_NAMESPACE();
namespace parley::vector::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using D64 = hn::ScalableTag<double>;
using V64 = hn::Vec<D64>;
using DU64 = hn::RebindToUnsigned<D64>;
using DF32 = hn::Rebind<float, D64>;
using VF32 = hn::Vec<DF32>;
using DU32 = hn::Rebind<uint32_t, D64>;
using VU32 = hn::Vec<DU32>;
using DU16 = hn::Rebind<uint16_t, D64>;
using VU16 = hn::Vec<DU16>;

// Bytes have no alignment to violate.
template <class D>
HWY_INLINE hn::Vec<D> LoadBytes(D d, const uint8_t* p) {
  return hn::BitCast(d, hn::LoadU(hn::Repartition<uint8_t, D>(), p));
}

template <class D>
HWY_INLINE void StoreBytes(D, hn::Vec<D> v, uint8_t* p) {
  const hn::Repartition<uint8_t, D> d8;
  hn::StoreU(hn::BitCast(d8, v), d8, p);
}

// Exact, NaNs aside.
HWY_INLINE VF32 WidenFloat16Bits(VU16 bits) {
  const DF32 df;
#if PARLEY_HAS_FLOAT16
  const hn::Rebind<hwy::float16_t, D64> d16;
  return hn::PromoteTo(df, hn::BitCast(d16, bits));
#else
  const DU32 du;
  const auto wide = hn::PromoteTo(du, bits);
  const auto magnitude = hn::And(wide, hn::Set(du, 0x7fff));
  const auto sign = hn::ShiftLeft<16>(hn::Xor(wide, magnitude));
  // 112 is the difference of the exponent biases. A multiplication adds it to
  // subnormals as well.
  const auto scaled = hn::Mul(hn::BitCast(df, hn::ShiftLeft<13>(magnitude)),
                              hn::Set(df, 0x1p112f));
  const auto special = hn::Gt(magnitude, hn::Set(du, 0x7bff));
  const auto exponent = hn::IfThenElseZero(special, hn::Set(du, 0x7f800000));
  return hn::BitCast(df,
                     hn::Or(hn::BitCast(du, scaled), hn::Or(sign, exponent)));
#endif
}

// Clears the low 40 bits and gathers what was in them in the last one kept
// ("round to odd"). What is left fits float32 over the whole range of the
// 16-bit formats, and rounds to them as `v` itself does.
HWY_INLINE VF32 NarrowToOdd(V64 v) {
  const DU64 du;
  const auto low = hn::Set(du, (uint64_t{1} << 40) - 1);
  const auto bits = hn::BitCast(du, v);
  const auto carry = hn::Add(hn::And(bits, low), low);
  const auto odd = hn::AndNot(low, hn::Or(bits, carry));
  return hn::DemoteTo(DF32(), hn::BitCast(D64(), odd));
}

// The lower halves of 32-bit words. Requires that the upper ones are 0.
HWY_INLINE VU16 LowerHalves(VU32 v) {
  const hn::RebindToSigned<DU32> di;
  return hn::DemoteTo(DU16(), hn::BitCast(di, v));
}

HWY_INLINE VU16 RoundToBFloat16Bits(VF32 v) {
  const DU32 du;
  const auto bits = hn::BitCast(du, v);
  const auto even = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
  const auto rounded =
      hn::ShiftRight<16>(hn::Add(bits, hn::Add(even, hn::Set(du, 0x7fff))));
  const auto nan = hn::RebindMask(du, hn::IsNaN(v));
  return LowerHalves(
      hn::IfThenElse(nan, hn::Set(du, kCanonicalNanBFloat16), rounded));
}

HWY_INLINE VU16 RoundToFloat16Bits(VF32 v) {
  const DF32 df;
#if PARLEY_HAS_FLOAT16
  const hn::Rebind<hwy::float16_t, D64> d16;
  const auto nan = hn::Set(df, BitCast<float>(kCanonicalNanFloat32));
  const auto canonical = hn::IfThenElse(hn::IsNaN(v), nan, v);
  return hn::BitCast(DU16(), hn::DemoteTo(d16, canonical));
#else
  const DU32 du;
  const auto bits = hn::BitCast(du, v);
  const auto magnitude = hn::And(bits, hn::Set(du, 0x7fffffff));
  const auto sign = hn::ShiftRight<16>(hn::Xor(bits, magnitude));

  // 112 is the difference of the exponent biases.
  const auto even = hn::And(hn::ShiftRight<13>(magnitude), hn::Set(du, 1));
  const auto rebiased = hn::Sub(magnitude, hn::Set(du, 112u << 23));
  const auto rounded =
      hn::ShiftRight<13>(hn::Add(rebiased, hn::Add(even, hn::Set(du, 0xfff))));
  const auto normal = hn::Min(rounded, hn::Set(du, 0x7c00));

  // At 0.5, float32 numbers are spaced as float16's subnormals.
  const auto half = hn::Set(df, 0.5f);
  const auto shifted = hn::Add(hn::BitCast(df, magnitude), half);
  const auto subnormal =
      hn::Sub(hn::BitCast(du, shifted), hn::BitCast(du, half));

  const auto is_subnormal = hn::Lt(magnitude, hn::Set(du, 113u << 23));
  const auto number =
      hn::Or(sign, hn::IfThenElse(is_subnormal, subnormal, normal));
  const auto nan = hn::RebindMask(du, hn::IsNaN(v));
  return LowerHalves(
      hn::IfThenElse(nan, hn::Set(du, kCanonicalNanFloat16), number));
#endif
}

// One vector of elements of kDType at a time: Load() widens them, Round() gives
// what is then stored as D.
template <DType kDType>
struct Elements;

template <>
struct Elements<DType::kFloat64> {
  using D = D64;
  static HWY_INLINE V64 Load(const uint8_t* p) { return LoadBytes(D64(), p); }
  static HWY_INLINE V64 Round(V64 v) {
    const auto nan = hn::Set(D64(), BitCast<double>(kCanonicalNanFloat64));
    return hn::IfThenElse(hn::IsNaN(v), nan, v);
  }
};

template <>
struct Elements<DType::kFloat32> {
  using D = DF32;
  static HWY_INLINE V64 Load(const uint8_t* p) {
    return hn::PromoteTo(D64(), LoadBytes(DF32(), p));
  }
  static HWY_INLINE VF32 Round(V64 v) {
    const auto rounded = hn::DemoteTo(DF32(), v);
    const auto nan = hn::Set(DF32(), BitCast<float>(kCanonicalNanFloat32));
    return hn::IfThenElse(hn::IsNaN(rounded), nan, rounded);
  }
};

template <>
struct Elements<DType::kFloat16> {
  using D = DU16;
  static HWY_INLINE V64 Load(const uint8_t* p) {
    return hn::PromoteTo(D64(), WidenFloat16Bits(LoadBytes(DU16(), p)));
  }
  static HWY_INLINE VU16 Round(V64 v) {
    return RoundToFloat16Bits(NarrowToOdd(v));
  }
};

template <>
struct Elements<DType::kBFloat16> {
  using D = DU16;
  static HWY_INLINE V64 Load(const uint8_t* p) {
    const auto bits = hn::PromoteTo(DU32(), LoadBytes(DU16(), p));
    return hn::PromoteTo(D64(), hn::BitCast(DF32(), hn::ShiftLeft<16>(bits)));
  }
  static HWY_INLINE VU16 Round(V64 v) {
    return RoundToBFloat16Bits(NarrowToOdd(v));
  }
};

// Rounds and stores.
template <DType kDType>
HWY_INLINE void Store(V64 v, uint8_t* p) {
  using E = Elements<kDType>;
  StoreBytes(typename E::D(), E::Round(v), p);
}

}  // namespace parley::vector::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // PARLEY_HAS_VECTORS

#endif  // per-target include guard
