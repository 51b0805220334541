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
#include "parley/device/kernels/flat_arguments.h"
#include "parley/device/tensor.h"

namespace parley::gpu_check {

// `weights` is empty or has one above 0 for each input. Not for kBool.
void ReferenceMean(DType dtype, absl::Span<const void* const> inputs,
                   absl::Span<const double> weights, int64_t count,
                   void* output);

// Inputs of kBool are 0 or 1.
void ReferenceReduce(DType dtype, ReduceOp op,
                     absl::Span<const void* const> inputs, int64_t count,
                     void* output);

// For pairs that Cast takes.
void ReferenceCast(DType from_dtype, DType to_dtype, const void* from,
                   int64_t count, void* to);

// y = f(x, y) for floating-point dtypes, rounded once: what Axpby, Lerp and
// Delta are.
template <typename Function>
void ReferenceCombine(DType dtype, const void* x, void* y, int64_t count,
                      const Function& f);

// Of one tensor; adds up over tensors.
uint64_t ReferenceFingerprint(DType dtype, uint64_t tensor_id,
                              int64_t first_index, const void* data,
                              int64_t count);

// The value of the floating-point element at `data`, and back.
double LoadDouble(DType dtype, const void* data, int64_t index);
void StoreDouble(DType dtype, double value, void* data, int64_t index);

template <typename Function>
void ReferenceCombine(DType dtype, const void* x, void* y, int64_t count,
                      const Function& f) {
  for (int64_t i = 0; i < count; ++i) {
    StoreDouble(dtype, f(LoadDouble(dtype, x, i), LoadDouble(dtype, y, i)), y,
                i);
  }
}

}  // namespace parley::gpu_check

#endif  // PARLEY_TOOLS_GPU_CHECK_REFERENCES_H_
