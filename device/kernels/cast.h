// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The definition of the Cast kernel (see flat_arguments.h), one element at a
// time.
#ifndef PARLEY_DEVICE_KERNELS_CAST_H_
#define PARLEY_DEVICE_KERNELS_CAST_H_

#include <cstdint>

#include "parley/device/kernels/element.h"
#include "parley/device/kernels/flat_arguments.h"

namespace parley::kernels {

// Whether Cast converts `from` to `to`: never from floating point to an
// integer, nor to an integer dtype that cannot hold every value.
PARLEY_HD constexpr bool IsCastable(DType from, DType to) {
  if (from == to || IsFloating(to)) return true;
  if (IsFloating(from) || to == DType::kBool) return false;
  return from == DType::kBool || SizeOf(to) > SizeOf(from);
}

template <DType kFrom, DType kTo>
PARLEY_HD void CastElement(const CastArgs& args, int64_t i) {
  const auto value = Element<kFrom>::Load(args.from, i);
  if constexpr (kTo == DType::kFloat64) {
    Element<kTo>::Store(args.to, i, static_cast<double>(value));
  } else if constexpr (IsFloating(kTo) && kFrom == DType::kInt64) {
    Element<kTo>::Store(args.to, i, WidenToOdd(value));
  } else {
    Element<kTo>::Store(args.to, i, value);
  }
}

}  // namespace parley::kernels

#endif  // PARLEY_DEVICE_KERNELS_CAST_H_
