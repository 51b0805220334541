// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What every device checks in a kernel's arguments before it launches, written
// once, so that all refuse the same arguments with the same words:
// kInvalidArgument naming the kernel, the field and its value. Sees whether
// contiguous outputs overlap inputs; of strided tensors it sees only what one
// look at the strides tells.
//
// Thread-safety: thread-safe.
#ifndef PARLEY_DEVICE_KERNELS_VALIDATE_H_
#define PARLEY_DEVICE_KERNELS_VALIDATE_H_

#include "absl/status/status.h"
#include "parley/device/kernels/arguments.h"
#include "parley/device/tensor.h"

namespace parley {

absl::Status Validate(const MeanArgs& args);
// The tensors must be on `device`.
absl::Status Validate(const CopyArgs& args, DeviceId device);
absl::Status Validate(const ElementwiseArgs& args);
absl::Status Validate(const FingerprintArgs& args);

}  // namespace parley

#endif  // PARLEY_DEVICE_KERNELS_VALIDATE_H_
