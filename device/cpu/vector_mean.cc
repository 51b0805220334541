// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "parley/device/cpu/vector_ranges.h"
#include "parley/device/kernels/element.h"
#include "parley/device/kernels/mean.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/vector_mean.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"
#include "parley/device/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace parley::vector::HWY_NAMESPACE {
#if PARLEY_HAS_VECTORS

// What the sums are divided by. Where that is a power of two, multiplying by
// its inverse gives the same bits sooner.
struct Divisor {
  explicit Divisor(const MeanArgs& args)
      : value(kernels::MeanDivisor(args)),
        inverse(1 / value),
        is_power(args.weights == nullptr &&
                 (args.num_inputs & (args.num_inputs - 1)) == 0) {}

  HWY_INLINE V64 Divide(V64 sum) const {
    const D64 d;
    return is_power ? hn::Mul(sum, hn::Set(d, inverse))
                    : hn::Div(sum, hn::Set(d, value));
  }

  double value;
  double inverse;
  bool is_power;
};

// Input `r` from element `i` on.
template <DType kDType>
HWY_INLINE const uint8_t* Input(const MeanArgs& args, int r, int64_t i) {
  return static_cast<const uint8_t*>(args.inputs[r]) + i * SizeOf(kDType);
}

template <DType kDType, bool kWeighted>
HWY_INLINE V64 Term(const uint8_t* p, double weight) {
  const auto value = Elements<kDType>::Load(p);
  if constexpr (kWeighted) {
    return hn::Mul(hn::Set(D64(), weight), value);
  } else {
    return value;
  }
}

// Four vectors at a time stay in registers over all inputs, so that each
// element is read once and written once.
template <DType kDType, bool kWeighted>
HWY_NOINLINE int64_t MeanOfElements(const MeanArgs& args, int64_t begin,
                                    int64_t end) {
  using E = Elements<kDType>;
  const Divisor divisor(args);
  const auto lanes = static_cast<int64_t>(hn::Lanes(D64()));
  const int64_t stride = lanes * SizeOf(kDType);
  int64_t i = begin;
  for (; i + 4 * lanes <= end; i += 4 * lanes) {
    const double weight = kWeighted ? args.weights[0] : 1;
    const uint8_t* p = Input<kDType>(args, 0, i);
    auto sum0 = Term<kDType, kWeighted>(p, weight);
    auto sum1 = Term<kDType, kWeighted>(p + stride, weight);
    auto sum2 = Term<kDType, kWeighted>(p + 2 * stride, weight);
    auto sum3 = Term<kDType, kWeighted>(p + 3 * stride, weight);
    for (int r = 1; r < args.num_inputs; ++r) {
      const double w = kWeighted ? args.weights[r] : 1;
      const uint8_t* q = Input<kDType>(args, r, i);
      sum0 = hn::Add(sum0, Term<kDType, kWeighted>(q, w));
      sum1 = hn::Add(sum1, Term<kDType, kWeighted>(q + stride, w));
      sum2 = hn::Add(sum2, Term<kDType, kWeighted>(q + 2 * stride, w));
      sum3 = hn::Add(sum3, Term<kDType, kWeighted>(q + 3 * stride, w));
    }
    const auto mean0 = E::Round(divisor.Divide(sum0));
    const auto mean1 = E::Round(divisor.Divide(sum1));
    const auto mean2 = E::Round(divisor.Divide(sum2));
    const auto mean3 = E::Round(divisor.Divide(sum3));
    for (int j = 0; j < args.num_outputs; ++j) {
      auto* out = static_cast<uint8_t*>(args.outputs[j]) + i * SizeOf(kDType);
      StoreBytes(typename E::D(), mean0, out);
      StoreBytes(typename E::D(), mean1, out + stride);
      StoreBytes(typename E::D(), mean2, out + 2 * stride);
      StoreBytes(typename E::D(), mean3, out + 3 * stride);
    }
  }
  return i;
}

int64_t Mean(const MeanArgs& args, int64_t begin, int64_t end) {
  int64_t done = begin;
  kernels::VisitFloating(args.dtype, [&](auto dtype) {
    constexpr DType kDType = decltype(dtype)::value;
    done = args.weights == nullptr
               ? MeanOfElements<kDType, false>(args, begin, end)
               : MeanOfElements<kDType, true>(args, begin, end);
  });
  return done;
}

#else

int64_t Mean(const MeanArgs&, int64_t begin, int64_t) { return begin; }

#endif  // PARLEY_HAS_VECTORS
}  // namespace parley::vector::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace parley::vector {

HWY_EXPORT(Mean);

int64_t MeanRange(const MeanArgs& args, int64_t begin, int64_t end) {
  return HWY_DYNAMIC_DISPATCH(Mean)(args, begin, end);
}

}  // namespace parley::vector
#endif  // HWY_ONCE
