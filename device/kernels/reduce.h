// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The definition of the Reduce kernel (see flat_arguments.h), one element at a
// time.
#ifndef PARLEY_DEVICE_KERNELS_REDUCE_H_
#define PARLEY_DEVICE_KERNELS_REDUCE_H_

#include <cstdint>
#include <type_traits>

#include "parley/device/kernels/arithmetic.h"
#include "parley/device/kernels/element.h"
#include "parley/device/kernels/flat_arguments.h"

namespace parley::kernels {

// Minimum and maximum are NaN if either is, and take -0 for less than +0.
PARLEY_HD inline double Combine(ReduceOp op, double a, double b) {
  if (op == ReduceOp::kSum) return Add(a, b);
  if (a != a || b != b) return BitCast<double>(kCanonicalNanFloat64);
  // Of two zeros, -0 is the one whose bits make the greater integer.
  const bool a_first =
      a < b || (a == b && BitCast<uint64_t>(a) >= BitCast<uint64_t>(b));
  return a_first == (op == ReduceOp::kMin) ? a : b;
}

// Sums wrap around. For bool, kMin is "and", kMax is "or".
template <typename T>
PARLEY_HD T Combine(ReduceOp op, T a, T b) {
  if (op == ReduceOp::kMin) return b < a ? b : a;
  if (op == ReduceOp::kMax) return a < b ? b : a;
  return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

template <DType kDType>
PARLEY_HD void ReduceElement(const ReduceArgs& args, int64_t i) {
  using E = Element<kDType>;
  auto value = E::Load(args.inputs[0], i);
  for (int r = 1; r < args.num_inputs; ++r) {
    value = Combine(args.op, value, E::Load(args.inputs[r], i));
  }
  E::Store(args.output, i, value);
}

}  // namespace parley::kernels

#endif  // PARLEY_DEVICE_KERNELS_REDUCE_H_
