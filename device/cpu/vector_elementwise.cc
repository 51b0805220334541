// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>

#include "parley/device/cpu/vector_ranges.h"
#include "parley/device/kernels/element.h"
#include "parley/device/kernels/elementwise.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/vector_elementwise.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "parley/device/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace parley::vector::HWY_NAMESPACE {
#if PARLEY_HAS_VECTORS

// What formulas are made of.
using hn::Add;
using hn::Mul;
using hn::Sub;
HWY_INLINE V64 Mul(double a, V64 b) { return hn::Mul(hn::Set(D64(), a), b); }

#include "parley/device/kernels/elementwise_ops-inl.h"

// Elements that are widened at a time, into the first cache. A form for each
// combination of dtypes would spare that pass and be no faster: what takes the
// time is memory.
constexpr int64_t kElementwiseTile = 128;

// How far ahead of its use an operand is fetched, in bytes.
constexpr int64_t kElementwiseAhead = 2048;
constexpr int64_t kCacheLine = 64;

template <DType kDType>
HWY_NOINLINE void WidenTile(const uint8_t* from, int64_t count,
                            double* HWY_RESTRICT to) {
  const D64 d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t b = 0; b < count * SizeOf(kDType); b += kCacheLine) {
    hwy::Prefetch(from + kElementwiseAhead + b);
  }
  for (int64_t k = 0; k < count; k += lanes) {
    hn::Store(Elements<kDType>::Load(from + k * SizeOf(kDType)), d, to + k);
  }
}

template <DType kDType>
HWY_NOINLINE void RoundTile(const double* HWY_RESTRICT from, int64_t count,
                            uint8_t* to) {
  const D64 d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t k = 0; k < count; k += lanes) {
    Store<kDType>(hn::Load(d, from + k), to + k * SizeOf(kDType));
  }
}

// Loads the operands from kOperand on behind `values`, those before it, applies
// the formula and stores what it writes. One function per operand, since some
// vectors cannot be elements of an array.
template <typename Op, int kOperand, typename... Values>
HWY_INLINE void ApplyToVectors(const double* scalars,
                               double (*tiles)[kElementwiseTile], int64_t k,
                               Values&... values) {
  if constexpr (kOperand == Op::kSignature.num_operands()) {
    Op::Apply(scalars, values...);
  } else {
    const D64 d;
    constexpr ElementwiseOperand kUse = Op::kSignature.operands[kOperand];
    double* const tile = tiles[kOperand] + k;
    auto value = hn::Zero(d);
    if constexpr (kUse.is_read()) value = hn::Load(d, tile);
    ApplyToVectors<Op, kOperand + 1>(scalars, tiles, k, values..., value);
    if constexpr (kUse.is_written()) hn::Store(value, d, tile);
  }
}

template <typename Op>
HWY_NOINLINE void ApplyToTile(const ElementwiseArgs& args, int64_t count,
                              double (*tiles)[kElementwiseTile]) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D64()));
  // A copy, which the compiler knows that stores to tiles do not change.
  double scalars[kMaxScalars];
  std::copy(args.scalars, args.scalars + kMaxScalars, scalars);
  for (int64_t k = 0; k < count; k += lanes) {
    ApplyToVectors<Op, 0>(scalars, tiles, k);
  }
}

template <typename Op>
HWY_NOINLINE int64_t Run(const ElementwiseArgs& args,
                         const ElementwisePiece& piece, int64_t begin,
                         int64_t end) {
  constexpr int kOperands = Op::kSignature.num_operands();
  const auto lanes = static_cast<int64_t>(hn::Lanes(D64()));
  HWY_ALIGN double tiles[kOperands][kElementwiseTile];
  const auto at = [&](int operand, int64_t i) {
    return static_cast<uint8_t*>(piece.operands[operand]) +
           i * SizeOf(args.dtypes[operand]);
  };
  int64_t i = begin;
  while (i + lanes <= end) {
    const int64_t count = std::min(kElementwiseTile, (end - i) / lanes * lanes);
    for (int k = 0; k < kOperands; ++k) {
      if (!Op::kSignature.operands[k].is_read()) continue;
      kernels::VisitFloating(args.dtypes[k], [&](auto dtype) {
        WidenTile<decltype(dtype)::value>(at(k, i), count, tiles[k]);
      });
    }
    ApplyToTile<Op>(args, count, tiles);
    for (int k = 0; k < kOperands; ++k) {
      if (!Op::kSignature.operands[k].is_written()) continue;
      kernels::VisitFloating(args.dtypes[k], [&](auto dtype) {
        RoundTile<decltype(dtype)::value>(tiles[k], count, at(k, i));
      });
    }
    i += count;
  }
  return i;
}

int64_t Elementwise(const ElementwiseArgs& args, const ElementwisePiece& piece,
                    int64_t begin, int64_t end) {
  switch (args.op) {
#define PARLEY_CASE(name)      \
  case ElementwiseOp::k##name: \
    return Run<name##Op>(args, piece, begin, end);
    PARLEY_ELEMENTWISE_OPS(PARLEY_CASE)
#undef PARLEY_CASE
  }
  return begin;
}

#else

int64_t Elementwise(const ElementwiseArgs&, const ElementwisePiece&,
                    int64_t begin, int64_t) {
  return begin;
}

#endif  // PARLEY_HAS_VECTORS
}  // namespace parley::vector::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace parley::vector {

HWY_EXPORT(Elementwise);

int64_t ElementwiseRange(const ElementwiseArgs& args,
                         const ElementwisePiece& piece, int64_t begin,
                         int64_t end) {
  return HWY_DYNAMIC_DISPATCH(Elementwise)(args, piece, begin, end);
}

}  // namespace parley::vector
#endif  // HWY_ONCE
