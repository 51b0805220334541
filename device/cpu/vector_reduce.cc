// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "parley/device/cpu/vector_ranges.h"
#include "parley/device/kernels/element.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/vector_reduce.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"
#include "parley/device/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace parley::vector::HWY_NAMESPACE {
#if PARLEY_HAS_VECTORS

template <DType kDType>
HWY_NOINLINE int64_t Sum(const ReduceArgs& args, int64_t begin, int64_t end) {
  using E = Elements<kDType>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(D64()));
  int64_t i = begin;
  for (; i + lanes <= end; i += lanes) {
    const int64_t offset = i * SizeOf(kDType);
    auto sum = E::Load(static_cast<const uint8_t*>(args.inputs[0]) + offset);
    for (int r = 1; r < args.num_inputs; ++r) {
      const auto* input = static_cast<const uint8_t*>(args.inputs[r]);
      sum = hn::Add(sum, E::Load(input + offset));
    }
    Store<kDType>(sum, static_cast<uint8_t*>(args.output) + offset);
  }
  return i;
}

int64_t Reduce(const ReduceArgs& args, int64_t begin, int64_t end) {
  int64_t done = begin;
  if (args.op != ReduceOp::kSum) return done;
  kernels::VisitFloating(args.dtype, [&](auto dtype) {
    done = Sum<decltype(dtype)::value>(args, begin, end);
  });
  return done;
}

#else

int64_t Reduce(const ReduceArgs&, int64_t begin, int64_t) { return begin; }

#endif  // PARLEY_HAS_VECTORS
}  // namespace parley::vector::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace parley::vector {

HWY_EXPORT(Reduce);

int64_t ReduceRange(const ReduceArgs& args, int64_t begin, int64_t end) {
  return HWY_DYNAMIC_DISPATCH(Reduce)(args, begin, end);
}

}  // namespace parley::vector
#endif  // HWY_ONCE
