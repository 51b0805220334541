// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Every kernel of a device against the CPU's, bit for bit, through the Device
// interface and in memory that both can reach: for a GPU, and for what stands
// in for one.
//
//   CheckKernelsAgainstCpu(*device, kSeed);  // fails the running test
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_DEVICE_CUDA_KERNELS_CHECK_H_
#define PARLEY_DEVICE_CUDA_KERNELS_CHECK_H_

#include <cstdint>

#include "parley/device/device.h"

namespace parley {

void CheckKernelsAgainstCpu(Device& device, uint64_t seed);

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_KERNELS_CHECK_H_
