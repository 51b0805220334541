// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels on elements [begin, end) of their tensors, run on the calling
// thread: for a CpuDevice, and for whoever splits one launch over threads of
// his own. How a launch is cut changes no bit of its result.
//
//   for (int64_t begin = 0; begin < args.count; begin += kTile) {
//     pool.Schedule([=] {
//       MeanRange(args, begin, std::min(begin + kTile, args.count));
//     });
//   }
//
// Requires arguments as device/kernels/arguments.h allows them, which
// device/kernels/validate.h checks for a Device's kernels, and a range inside
// [0, count). The caller's floating-point mode does not matter and
// is kept.
//
// Thread-safety: thread-safe; ranges of one launch may run at the same time.
#ifndef PARLEY_DEVICE_CPU_KERNEL_RANGES_H_
#define PARLEY_DEVICE_CPU_KERNEL_RANGES_H_

#include <cstdint>

#include "parley/device/kernels/arguments.h"

namespace parley {

void MeanRange(const MeanArgs& args, int64_t begin, int64_t end);
void ReduceRange(const ReduceArgs& args, int64_t begin, int64_t end);

// The sum of the hashes of elements [begin, end) of the piece; the sums of
// ranges add up, modulo 2^64.
uint64_t FingerprintRange(const FingerprintPiece& piece, int64_t begin,
                          int64_t end);

// All copies of the list, and all pieces.
void CopyAll(const CopyArgs& args);
void ElementwiseAll(const ElementwiseArgs& args);

}  // namespace parley

#endif  // PARLEY_DEVICE_CPU_KERNEL_RANGES_H_
