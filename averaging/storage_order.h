// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_STORAGE_ORDER_H_
#define PARLEY_AVERAGING_STORAGE_ORDER_H_

#include "parley/device/tensor.h"

namespace parley {

// The same elements with the outermost dimension first, one-dimensional if they
// are dense: row-major order is then storage order.
//
// Thread-safety: thread-safe.
TensorView InStorageOrder(const TensorView& tensor);

}  // namespace parley

#endif  // PARLEY_AVERAGING_STORAGE_ORDER_H_
