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

#include "absl/types/span.h"
#include "parley/device/device.h"

namespace parley {

// The lengths for a GPU: the last one makes the threads of a large one loop.
inline constexpr int64_t kCheckedCounts[] = {1, 15, 257, 4099, 2'300'003};

// On tensors of each of the lengths.
void CheckKernelsAgainstCpu(Device& device, uint64_t seed,
                            absl::Span<const int64_t> counts = kCheckedCounts);

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_KERNELS_CHECK_H_
