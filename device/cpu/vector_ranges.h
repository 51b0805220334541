// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The vectorised kernels, compiled for several instruction sets of which the
// best that this processor has is taken at run time. Each handles the elements
// from `begin` on in whole steps, as far as it can, and returns where it
// stopped: `begin` itself for dtypes and operations that it leaves to the
// scalar loops. Bit for bit the same as those.
//
// Require validated arguments and the default floating-point mode.
//
// Thread-safety: thread-safe.
#ifndef PARLEY_DEVICE_CPU_VECTOR_RANGES_H_
#define PARLEY_DEVICE_CPU_VECTOR_RANGES_H_

#include <cstdint>

#include "parley/device/kernels/arguments.h"

namespace parley::vector {

int64_t MeanRange(const MeanArgs& args, int64_t begin, int64_t end);
int64_t ReduceRange(const ReduceArgs& args, int64_t begin, int64_t end);
int64_t ElementwiseRange(const ElementwiseArgs& args,
                         const ElementwisePiece& piece, int64_t begin,
                         int64_t end);

// Adds to `sum`.
int64_t FingerprintRange(const FingerprintPiece& piece, int64_t begin,
                         int64_t end, uint64_t& sum);

// Copies all of them, and leaves the target out of the cache where the
// processor can do that. The ranges do not overlap.
void StreamBytes(const void* from, void* to, int64_t bytes);

}  // namespace parley::vector

#endif  // PARLEY_DEVICE_CPU_VECTOR_RANGES_H_
