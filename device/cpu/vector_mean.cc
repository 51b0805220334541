// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "parley/device/cpu/vector_ranges.h"
#include "parley/device/kernels/element.h"
#include "parley/device/kernels/mean.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/vector_mean.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/cache_control.h"
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
        is_power(IsPower(value)) {}

  HWY_INLINE V64 Divide(V64 sum) const {
    const D64 d;
    return is_power ? hn::Mul(sum, hn::Set(d, inverse))
                    : hn::Div(sum, hn::Set(d, value));
  }

  // Whether the inverse of `x` is exact.
  static bool IsPower(double x) {
    constexpr int kMost = 1000;  // so that the inverse is no subnormal
    int exponent;
    return std::frexp(x, &exponent) == 0.5 && std::abs(exponent) < kMost;
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

// Eight vectors at a time stay in registers over all inputs, so that each
// element is read once and written once.
template <DType kDType, bool kWeighted>
HWY_NOINLINE int64_t MeanOfFew(const MeanArgs& args, int64_t begin,
                               int64_t end) {
  using E = Elements<kDType>;
  const Divisor divisor(args);
  const auto lanes = static_cast<int64_t>(hn::Lanes(D64()));
  const int64_t stride = lanes * SizeOf(kDType);
  int64_t i = begin;
  for (; i + 8 * lanes <= end; i += 8 * lanes) {
    const double weight = kWeighted ? args.weights[0] : 1;
    const uint8_t* p = Input<kDType>(args, 0, i);
    auto sum0 = Term<kDType, kWeighted>(p, weight);
    auto sum1 = Term<kDType, kWeighted>(p + stride, weight);
    auto sum2 = Term<kDType, kWeighted>(p + 2 * stride, weight);
    auto sum3 = Term<kDType, kWeighted>(p + 3 * stride, weight);
    auto sum4 = Term<kDType, kWeighted>(p + 4 * stride, weight);
    auto sum5 = Term<kDType, kWeighted>(p + 5 * stride, weight);
    auto sum6 = Term<kDType, kWeighted>(p + 6 * stride, weight);
    auto sum7 = Term<kDType, kWeighted>(p + 7 * stride, weight);
    for (int r = 1; r < args.num_inputs; ++r) {
      const double w = kWeighted ? args.weights[r] : 1;
      const uint8_t* q = Input<kDType>(args, r, i);
      sum0 = hn::Add(sum0, Term<kDType, kWeighted>(q, w));
      sum1 = hn::Add(sum1, Term<kDType, kWeighted>(q + stride, w));
      sum2 = hn::Add(sum2, Term<kDType, kWeighted>(q + 2 * stride, w));
      sum3 = hn::Add(sum3, Term<kDType, kWeighted>(q + 3 * stride, w));
      sum4 = hn::Add(sum4, Term<kDType, kWeighted>(q + 4 * stride, w));
      sum5 = hn::Add(sum5, Term<kDType, kWeighted>(q + 5 * stride, w));
      sum6 = hn::Add(sum6, Term<kDType, kWeighted>(q + 6 * stride, w));
      sum7 = hn::Add(sum7, Term<kDType, kWeighted>(q + 7 * stride, w));
    }
    const auto mean0 = E::Round(divisor.Divide(sum0));
    const auto mean1 = E::Round(divisor.Divide(sum1));
    const auto mean2 = E::Round(divisor.Divide(sum2));
    const auto mean3 = E::Round(divisor.Divide(sum3));
    const auto mean4 = E::Round(divisor.Divide(sum4));
    const auto mean5 = E::Round(divisor.Divide(sum5));
    const auto mean6 = E::Round(divisor.Divide(sum6));
    const auto mean7 = E::Round(divisor.Divide(sum7));
    for (int j = 0; j < args.num_outputs; ++j) {
      auto* out = static_cast<uint8_t*>(args.outputs[j]) + i * SizeOf(kDType);
      StoreBytes(typename E::D(), mean0, out);
      StoreBytes(typename E::D(), mean1, out + stride);
      StoreBytes(typename E::D(), mean2, out + 2 * stride);
      StoreBytes(typename E::D(), mean3, out + 3 * stride);
      StoreBytes(typename E::D(), mean4, out + 4 * stride);
      StoreBytes(typename E::D(), mean5, out + 5 * stride);
      StoreBytes(typename E::D(), mean6, out + 6 * stride);
      StoreBytes(typename E::D(), mean7, out + 7 * stride);
    }
  }
  return i;
}

// Elements whose sums MeanOfMany() keeps in memory, in the first cache.
constexpr int64_t kTile = 1024;

// Adds inputs [first, last) of elements [i, i + kTile) to `sums`, which is
// empty if `first` is 0.
template <DType kDType, bool kWeighted>
HWY_INLINE void AddInputs(const MeanArgs& args, int first, int last, int64_t i,
                          double* HWY_RESTRICT sums) {
  // How far ahead of its use an input is fetched.
  constexpr int64_t kAhead = 512;
  const D64 d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t stride = lanes * SizeOf(kDType);
  for (int64_t k = 0; k < kTile; k += 4 * lanes) {
    double* sum = sums + k;
    auto sum0 = hn::Zero(d), sum1 = sum0, sum2 = sum0, sum3 = sum0;
    int r = first;
    if (first == 0) {
      const double w = kWeighted ? args.weights[0] : 1;
      const uint8_t* q = Input<kDType>(args, 0, i + k);
      hwy::Prefetch(q + kAhead);
      sum0 = Term<kDType, kWeighted>(q, w);
      sum1 = Term<kDType, kWeighted>(q + stride, w);
      sum2 = Term<kDType, kWeighted>(q + 2 * stride, w);
      sum3 = Term<kDType, kWeighted>(q + 3 * stride, w);
      ++r;
    } else {
      sum0 = hn::Load(d, sum);
      sum1 = hn::Load(d, sum + lanes);
      sum2 = hn::Load(d, sum + 2 * lanes);
      sum3 = hn::Load(d, sum + 3 * lanes);
    }
    for (; r < last; ++r) {
      const double w = kWeighted ? args.weights[r] : 1;
      const uint8_t* q = Input<kDType>(args, r, i + k);
      hwy::Prefetch(q + kAhead);
      sum0 = hn::Add(sum0, Term<kDType, kWeighted>(q, w));
      sum1 = hn::Add(sum1, Term<kDType, kWeighted>(q + stride, w));
      sum2 = hn::Add(sum2, Term<kDType, kWeighted>(q + 2 * stride, w));
      sum3 = hn::Add(sum3, Term<kDType, kWeighted>(q + 3 * stride, w));
    }
    hn::Store(sum0, d, sum);
    hn::Store(sum1, d, sum + lanes);
    hn::Store(sum2, d, sum + 2 * lanes);
    hn::Store(sum3, d, sum + 3 * lanes);
  }
}

// As MeanOfFew(), a few inputs at a time: large tensors tend to begin at the
// same place of a page, and the lines of many of them then do not fit a set of
// the cache together.
template <DType kDType, bool kWeighted>
HWY_NOINLINE int64_t MeanOfMany(const MeanArgs& args, int64_t begin,
                                int64_t end) {
  using E = Elements<kDType>;
  constexpr int kGroup = 4;
  const Divisor divisor(args);
  const D64 d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  HWY_ALIGN double sums[kTile];
  HWY_ALIGN uint8_t means[kTile * SizeOf(kDType)];
  int64_t i = begin;
  for (; i + kTile <= end; i += kTile) {
    for (int r = 0; r < args.num_inputs; r += kGroup) {
      const int last = std::min(r + kGroup, args.num_inputs);
      AddInputs<kDType, kWeighted>(args, r, last, i, sums);
    }
    for (int64_t k = 0; k < kTile; k += lanes) {
      StoreBytes(typename E::D(),
                 E::Round(divisor.Divide(hn::Load(d, sums + k))),
                 means + k * SizeOf(kDType));
    }
    for (int j = 0; j < args.num_outputs; ++j) {
      std::memcpy(static_cast<uint8_t*>(args.outputs[j]) + i * SizeOf(kDType),
                  means, sizeof(means));
    }
  }
  return MeanOfFew<kDType, kWeighted>(args, i, end);
}

template <DType kDType, bool kWeighted>
int64_t MeanOfElements(const MeanArgs& args, int64_t begin, int64_t end) {
  constexpr int kFew = 4;
  return args.num_inputs <= kFew
             ? MeanOfFew<kDType, kWeighted>(args, begin, end)
             : MeanOfMany<kDType, kWeighted>(args, begin, end);
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
