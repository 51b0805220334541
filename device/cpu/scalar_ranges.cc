// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/cpu/scalar_ranges.h"

#include "parley/device/kernels/element.h"
#include "parley/device/kernels/elementwise.h"
#include "parley/device/kernels/fingerprint.h"
#include "parley/device/kernels/mean.h"
#include "parley/device/kernels/reduce.h"

namespace parley::scalar {
namespace {

template <int kBytes>
uint64_t Fingerprint(const FingerprintPiece& piece, int64_t begin,
                     int64_t end) {
  uint64_t sum = 0;
  for (int64_t i = begin; i < end; ++i) {
    sum += kernels::FingerprintElement<kBytes>(piece, i);
  }
  return sum;
}

}  // namespace

void MeanRange(const MeanArgs& args, int64_t begin, int64_t end) {
  const double divisor = kernels::MeanDivisor(args);
  kernels::VisitDType(args.dtype, [&](auto dtype) {
    for (int64_t i = begin; i < end; ++i) {
      kernels::MeanElement<decltype(dtype)::value>(args, divisor, i);
    }
  });
}

void ReduceRange(const ReduceArgs& args, int64_t begin, int64_t end) {
  kernels::VisitDType(args.dtype, [&](auto dtype) {
    for (int64_t i = begin; i < end; ++i) {
      kernels::ReduceElement<decltype(dtype)::value>(args, i);
    }
  });
}

void ElementwiseRange(const ElementwiseArgs& args,
                      const ElementwisePiece& piece, int64_t begin,
                      int64_t end) {
  kernels::VisitOp(args.op, [&](auto op) {
    for (int64_t i = begin; i < end; ++i) {
      kernels::ElementwiseElement<decltype(op)>(args, piece, i);
    }
  });
}

uint64_t FingerprintRange(const FingerprintPiece& piece, int64_t begin,
                          int64_t end) {
  switch (SizeOf(piece.dtype)) {
    case 1:
      return Fingerprint<1>(piece, begin, end);
    case 2:
      return Fingerprint<2>(piece, begin, end);
    case 4:
      return Fingerprint<4>(piece, begin, end);
    default:
      return Fingerprint<8>(piece, begin, end);
  }
}

}  // namespace parley::scalar
