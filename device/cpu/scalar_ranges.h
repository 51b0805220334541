// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels as plain loops over their definitions: what the vectorised forms
// are held to, bit for bit, and what finishes the tail of a range. Require
// validated arguments and the default floating-point mode.
//
// Thread-safety: thread-safe.
#ifndef PARLEY_DEVICE_CPU_SCALAR_RANGES_H_
#define PARLEY_DEVICE_CPU_SCALAR_RANGES_H_

#include <cstdint>

#include "parley/device/kernels/arguments.h"

namespace parley::scalar {

void MeanRange(const MeanArgs& args, int64_t begin, int64_t end);
void ReduceRange(const ReduceArgs& args, int64_t begin, int64_t end);
void ElementwiseRange(const ElementwiseArgs& args,
                      const ElementwisePiece& piece, int64_t begin,
                      int64_t end);
uint64_t FingerprintRange(const FingerprintPiece& piece, int64_t begin,
                          int64_t end);

}  // namespace parley::scalar

#endif  // PARLEY_DEVICE_CPU_SCALAR_RANGES_H_
