// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/cpu/kernel_ranges.h"

#include "parley/device/cpu/copy.h"
#include "parley/device/cpu/float_environment.h"
#include "parley/device/cpu/scalar_ranges.h"

namespace parley {

void MeanRange(const MeanArgs& args, int64_t begin, int64_t end) {
  ScopedFloatEnvironment environment;
  scalar::MeanRange(args, begin, end);
}

void ReduceRange(const ReduceArgs& args, int64_t begin, int64_t end) {
  ScopedFloatEnvironment environment;
  scalar::ReduceRange(args, begin, end);
}

void CastRange(const CastArgs& args, int64_t begin, int64_t end) {
  ScopedFloatEnvironment environment;
  scalar::CastRange(args, begin, end);
}

void AxpbyRange(const AxpbyArgs& args, int64_t begin, int64_t end) {
  ScopedFloatEnvironment environment;
  scalar::AxpbyRange(args, begin, end);
}

void LerpRange(const LerpArgs& args, int64_t begin, int64_t end) {
  ScopedFloatEnvironment environment;
  scalar::LerpRange(args, begin, end);
}

void DeltaRange(const DeltaArgs& args, int64_t begin, int64_t end) {
  ScopedFloatEnvironment environment;
  scalar::DeltaRange(args, begin, end);
}

uint64_t FingerprintRange(const FingerprintPiece& piece, int64_t begin,
                          int64_t end) {
  return scalar::FingerprintRange(piece, begin, end);
}

void CopyAll(const CopyArgs& args) {
  for (int64_t i = 0; i < args.num_copies; ++i) CopyTensor(args.copies[i]);
}

}  // namespace parley
