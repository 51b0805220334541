// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "parley/device/cpu/vector_ranges.h"
#include "parley/device/kernels/element.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/vector_cast.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"
#include "parley/device/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace parley::vector::HWY_NAMESPACE {
#if PARLEY_HAS_VECTORS

template <DType kFrom, DType kTo>
HWY_NOINLINE int64_t CastElements(const CastArgs& args, int64_t begin,
                                  int64_t end) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D64()));
  const auto* from = static_cast<const uint8_t*>(args.from);
  auto* to = static_cast<uint8_t*>(args.to);
  int64_t i = begin;
  for (; i + lanes <= end; i += lanes) {
    Store<kTo>(Elements<kFrom>::Load(from + i * SizeOf(kFrom)),
               to + i * SizeOf(kTo));
  }
  return i;
}

int64_t Cast(const CastArgs& args, int64_t begin, int64_t end) {
  int64_t done = begin;
  kernels::VisitFloating(args.from_dtype, [&](auto from) {
    kernels::VisitFloating(args.to_dtype, [&](auto to) {
      done = CastElements<decltype(from)::value, decltype(to)::value>(
          args, begin, end);
    });
  });
  return done;
}

#else

int64_t Cast(const CastArgs&, int64_t begin, int64_t) { return begin; }

#endif  // PARLEY_HAS_VECTORS
}  // namespace parley::vector::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace parley::vector {

HWY_EXPORT(Cast);

int64_t CastRange(const CastArgs& args, int64_t begin, int64_t end) {
  return HWY_DYNAMIC_DISPATCH(Cast)(args, begin, end);
}

}  // namespace parley::vector
#endif  // HWY_ONCE
