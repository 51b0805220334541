// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The Copy kernel's one decision that all devices share (see arguments.h).
#ifndef PARLEY_DEVICE_KERNELS_COPY_H_
#define PARLEY_DEVICE_KERNELS_COPY_H_

#include "parley/device/kernels/arguments.h"

namespace parley::kernels {

// Whether the copy takes the elements in storage order, one block to another:
// both sides are dense and have the same layout, or one of them has no layout
// of its own, being one-dimensional. Otherwise elements correspond in row-major
// order of each side's shape.
bool IsBlockCopy(const TensorCopy& copy);

}  // namespace parley::kernels

#endif  // PARLEY_DEVICE_KERNELS_COPY_H_
