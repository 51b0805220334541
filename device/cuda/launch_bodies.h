// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// All bodies that launch.h launches, for whoever must do something with each
// kernel beforehand:
//
//   struct Visitor {
//     template <typename Body>
//     void Visit();
//   };
#ifndef PARLEY_DEVICE_CUDA_LAUNCH_BODIES_H_
#define PARLEY_DEVICE_CUDA_LAUNCH_BODIES_H_

#include "parley/device/cuda/copy_body.h"
#include "parley/device/cuda/elementwise_body.h"
#include "parley/device/cuda/fingerprint_body.h"
#include "parley/device/cuda/mean_body.h"
#include "parley/device/dtype.h"
#include "parley/device/kernels/element.h"
#include "parley/device/kernels/elementwise.h"
#include "parley/device/kernels/elementwise_ops.h"

namespace parley {

template <typename Visitor>
void VisitMeanBodies(Visitor& visitor) {
  for (DType dtype : kAllDTypes) {
    kernels::VisitDType(dtype, [&](auto constant) {
      constexpr DType kDType = decltype(constant)::value;
      if constexpr (kDType != DType::kBool) {
        visitor.template Visit<MeanBody<kDType, kFewMeanTensors>>();
        visitor.template Visit<MeanBody<kDType, kMostMeanTensors>>();
      }
    });
  }
}

template <typename Visitor>
void VisitCopyBodies(Visitor& visitor) {
  visitor.template Visit<BlockCopyBody<kFewBlockCopies>>();
  visitor.template Visit<BlockCopyBody<kMostBlockCopies>>();
  visitor.template Visit<ElementCopyBody<kFewElementCopies>>();
  visitor.template Visit<ElementCopyBody<kMostElementCopies>>();
}

template <typename Visitor>
void VisitElementwiseBodies(Visitor& visitor) {
  for (ElementwiseOp op : kAllElementwiseOps) {
    kernels::VisitOp(op, [&](auto value) {
      using Op = decltype(value);
      visitor.template Visit<ElementwiseBody<Op, 2, true>>();
      visitor.template Visit<ElementwiseBody<Op, 2, false>>();
      visitor.template Visit<ElementwiseBody<Op, 4, true>>();
      visitor.template Visit<ElementwiseBody<Op, 4, false>>();
      visitor.template Visit<ElementwiseBody<Op, 8, true>>();
      visitor.template Visit<ElementwiseBody<Op, 8, false>>();
    });
  }
}

template <typename Visitor>
void VisitFingerprintBodies(Visitor& visitor) {
  visitor.template Visit<FingerprintBody<kFewPieces>>();
  visitor.template Visit<FingerprintBody<kMostPieces>>();
  visitor.template Visit<AddBody>();
}

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_LAUNCH_BODIES_H_
