// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// ReferenceMean: what a meeting must make of one tensor, in the plainest form
// and with nothing of the library's: it shares neither the kernels nor their
// conversions, so it cannot share their mistakes.
//
//   float mean;
//   ReferenceMean(DType::kFloat32, {&x0, &x1, &x2}, /*weights=*/{}, 1, &mean);
//
// The sum is formed in float64 in the order of the ranks and rounded once; see
// device/kernels/arguments.h for what is said of NaN, weights and integers.
//
// Thread-safety: thread-safe.
#ifndef PARLEY_TESTS_SUPPORT_REFERENCE_H_
#define PARLEY_TESTS_SUPPORT_REFERENCE_H_

#include <cstdint>

#include "absl/types/span.h"
#include "parley/device/tensor.h"

namespace parley::testing {

// inputs[r] are rank r's `count` elements, one behind the other; `weights` is
// empty or has one per rank. Ranks of weight 0 are skipped, and weights that
// are otherwise all equal make no difference. Integers: the mean of the ranks
// that are not skipped, halves to even. Not for kBool.
void ReferenceMean(DType dtype, absl::Span<const void* const> inputs,
                   absl::Span<const double> weights, int64_t count,
                   void* output);

// The value of the element at `data`, of a floating-point dtype, exactly.
double ToDouble(DType dtype, const void* data);

// Makes `value`, rounded once to a floating-point dtype, the element at `data`.
void FromDouble(DType dtype, double value, void* data);

// Half of what 1 is apart from the next number of a floating-point dtype.
double HalfUnit(DType dtype);

}  // namespace parley::testing

#endif  // PARLEY_TESTS_SUPPORT_REFERENCE_H_
