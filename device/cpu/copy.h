// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The Copy kernel on the host: blocks where the layouts allow it, otherwise
// element by element along the innermost dimensions.
#ifndef PARLEY_DEVICE_CPU_COPY_H_
#define PARLEY_DEVICE_CPU_COPY_H_

#include "parley/device/kernels/arguments.h"

namespace parley {

// Runs one copy; `streaming` as in CopyArgs. Requires arguments that
// Validate(const CopyArgs&) accepts.
void CopyTensor(const TensorCopy& copy, bool streaming);

}  // namespace parley

#endif  // PARLEY_DEVICE_CPU_COPY_H_
