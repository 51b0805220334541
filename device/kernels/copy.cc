// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/kernels/copy.h"

namespace parley::kernels {

bool IsBlockCopy(const TensorCopy& copy) {
  const TensorView& from = copy.from;
  const TensorView& to = copy.to;
  if (!from.IsDense() || !to.IsDense()) return false;
  if (from.shape().size() <= 1 || to.shape().size() <= 1) return true;
  return from.shape() == to.shape() && from.strides() == to.strides();
}

}  // namespace parley::kernels
