// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/cpu/kernel_ranges.h"

#include "parley/device/cpu/copy.h"
#include "parley/device/cpu/float_environment.h"
#include "parley/device/cpu/scalar_ranges.h"
#include "parley/device/cpu/vector_ranges.h"

namespace parley {

void MeanRange(const MeanArgs& args, int64_t begin, int64_t end) {
  ScopedFloatEnvironment environment;
  begin = vector::MeanRange(args, begin, end);
  scalar::MeanRange(args, begin, end);
}

void ReduceRange(const ReduceArgs& args, int64_t begin, int64_t end) {
  ScopedFloatEnvironment environment;
  begin = vector::ReduceRange(args, begin, end);
  scalar::ReduceRange(args, begin, end);
}

uint64_t FingerprintRange(const FingerprintPiece& piece, int64_t begin,
                          int64_t end) {
  uint64_t sum = 0;
  begin = vector::FingerprintRange(piece, begin, end, sum);
  return sum + scalar::FingerprintRange(piece, begin, end);
}

void CopyAll(const CopyArgs& args) {
  for (int64_t i = 0; i < args.num_copies; ++i) {
    CopyTensor(args.copies[i], args.streaming);
  }
}

void ElementwiseAll(const ElementwiseArgs& args) {
  ScopedFloatEnvironment environment;
  for (int64_t i = 0; i < args.num_pieces; ++i) {
    const ElementwisePiece& piece = args.pieces[i];
    const int64_t begin = vector::ElementwiseRange(args, piece, 0, piece.count);
    scalar::ElementwiseRange(args, piece, begin, piece.count);
  }
}

}  // namespace parley
