// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What kernels must give (device/kernels/arguments.h), in the plainest form:
// float64 on the host, one element at a time, without the library's kernels
// and conversions.
//
// All take the elements as bytes, one behind the other.
//
// Thread-safety: functions of their arguments.
#ifndef PARLEY_TOOLS_GPU_CHECK_REFERENCES_H_
#define PARLEY_TOOLS_GPU_CHECK_REFERENCES_H_

#include <cstdint>

#include "absl/types/span.h"
#include "parley/device/kernels/elementwise_ops.h"
#include "parley/device/tensor.h"

namespace parley::gpu_check {

// `weights` is empty or has one above 0 for each input. Not for kBool.
void ReferenceMean(DType dtype, absl::Span<const void* const> inputs,
                   absl::Span<const double> weights, int64_t count,
                   void* output);

// The formula itself is the library's, in float64 on the host; its values are
// what the tests of device/kernels know.
void ReferenceElementwise(const ElementwiseArgs& args);

// Of one tensor; adds up over tensors.
uint64_t ReferenceFingerprint(DType dtype, uint64_t tensor_id,
                              int64_t first_index, const void* data,
                              int64_t count);

// The value of the floating-point element at `data`, and back.
double LoadDouble(DType dtype, const void* data, int64_t index);
void StoreDouble(DType dtype, double value, void* data, int64_t index);

}  // namespace parley::gpu_check

#endif  // PARLEY_TOOLS_GPU_CHECK_REFERENCES_H_
