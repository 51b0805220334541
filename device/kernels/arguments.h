// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The argument structs of all kernels: those of flat_arguments.h, which says
// what holds for all of them, of elementwise_ops.h, and Copy's.
#ifndef PARLEY_DEVICE_KERNELS_ARGUMENTS_H_
#define PARLEY_DEVICE_KERNELS_ARGUMENTS_H_

#include <cstdint>

#include "parley/device/kernels/elementwise_ops.h"
#include "parley/device/kernels/flat_arguments.h"
#include "parley/device/tensor.h"

namespace parley {

// One tensor to copy, bit for bit, element by element in logical order. Same
// dtype and same count; each side is a tensor of any strides. Where both are
// dense with equal strides, or both are one-dimensional and dense, this is one
// block copy. With a one-dimensional dense `to`, a strided `from` is packed in
// row-major order, and a dense `from` in storage order; unpacking is the
// reverse.
struct TensorCopy {
  TensorView from;
  TensorView to;
};

// All copies of a list, in one launch: pack and unpack.
struct CopyArgs {
  const TensorCopy* copies = nullptr;
  int64_t num_copies = 0;
  // Nobody reads the targets soon: a device may write them past its cache,
  // which saves the cache from fetching what is about to be overwritten.
  bool streaming = false;
};

}  // namespace parley

#endif  // PARLEY_DEVICE_KERNELS_ARGUMENTS_H_
