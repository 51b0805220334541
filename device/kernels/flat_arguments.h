// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The argument structs of the kernels on contiguous memory, and what each
// kernel computes; Copy's, which hold shapes, are in arguments.h, and those of
// the element-wise operations in elementwise_ops.h. They are plain data, so
// that the same struct travels to a CPU loop, through a fake and to a GPU,
// where there is no Abseil.
//
// Numerics, the same for all of them and on every device: floating-point
// elements are widened to float64, computed without fused multiply-add, and
// rounded once, to nearest even, straight to the destination's dtype. A NaN
// result is the canonical quiet NaN of that dtype (sign clear, payload only the
// quiet bit). Subnormals are kept.
//
// Aliasing: an output may be exactly one of the inputs (same pointer), and must
// not overlap any of them otherwise. No alignment is required.
#ifndef PARLEY_DEVICE_KERNELS_FLAT_ARGUMENTS_H_
#define PARLEY_DEVICE_KERNELS_FLAT_ARGUMENTS_H_

#include <cstdint>

#include "parley/device/dtype.h"

namespace parley {

// outputs[j][i] = (sum over r of w_r * inputs[r][i]) / (sum over r of w_r) for
// every j: the sum starts as the first rank's term and adds the others in the
// order of the list. With `weights` null the terms are the inputs themselves
// and the divisor is `num_inputs`. A `divisor` takes the place of either, for
// terms that are added, or were, elsewhere.
//
// Floating-point dtypes: as above. Integer dtypes, unweighted only and without
// a divisor: the mean in 128-bit integers, halves to even. kBool is refused.
struct MeanArgs {
  DType dtype = DType::kFloat32;
  int num_inputs = 0;                   // >= 1
  int num_outputs = 0;                  // >= 1
  const void* const* inputs = nullptr;  // [num_inputs], each `count` elements
  void* const* outputs = nullptr;       // [num_outputs]
  const double* weights = nullptr;      // [num_inputs], finite, > 0; or null
  int64_t count = 0;
  double divisor = 0;  // finite, > 0; or 0 for that of the mean
};

enum class ReduceOp : uint8_t { kSum = 0, kMin = 1, kMax = 2 };

// output[i] = inputs[0][i] op inputs[1][i] op ..., in the order of the list.
// Integer sums wrap around; kBool takes kMin (and) and kMax (or) only.
// Floating-point sums are formed in float64 and rounded once; minimum and
// maximum are the canonical NaN if any input is NaN, and order -0 before +0.
struct ReduceArgs {
  DType dtype = DType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  int num_inputs = 0;
  const void* const* inputs = nullptr;
  void* output = nullptr;
  int64_t count = 0;
};

// A contiguous piece of a named tensor.
struct FingerprintPiece {
  const void* data = nullptr;
  DType dtype = DType::kFloat32;
  int64_t count = 0;
  uint64_t tensor_id = 0;   // what tells tensors apart: a hash of the name
  int64_t first_index = 0;  // of the piece's first element in its tensor
};

// *sum += (sum over pieces and elements of h(tensor_id, index, bits)) modulo
// 2^64, where h is fixed for ever (device/kernels/fingerprint.h). Since the sum
// commutes, the fingerprint of a tensor list does not depend on how it was cut
// into pieces, and those of shards add up to that of the whole. Any change of
// one element changes it.
struct FingerprintArgs {
  const FingerprintPiece* pieces = nullptr;
  int64_t num_pieces = 0;
  uint64_t* sum = nullptr;  // host-visible
};

}  // namespace parley

#endif  // PARLEY_DEVICE_KERNELS_FLAT_ARGUMENTS_H_
