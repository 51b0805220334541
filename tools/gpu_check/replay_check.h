// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Whether captured work gives the bits of the same work enqueued directly, at
// every replay, on inputs that change between them.
//
//   PARLEY_RETURN_IF_ERROR(
//       CheckKernelReplay(*device, RuntimeGraphApi(), seed));
//
// Thread-safety: functions of their arguments.
#ifndef PARLEY_TOOLS_GPU_CHECK_REPLAY_CHECK_H_
#define PARLEY_TOOLS_GPU_CHECK_REPLAY_CHECK_H_

#include <cstdint>

#include "absl/status/status.h"
#include "parley/comm/communicator.h"
#include "parley/device/cuda/cuda_device.h"
#include "parley/tools/gpu_check/graph.h"

namespace parley::gpu_check {

// A sequence of all kernels. kInternal with the replay that differs.
absl::Status CheckKernelReplay(CudaDevice& device, const GraphApi& graphs,
                               uint64_t seed);

// A reduction, a kernel and another reduction; collective. `device` is the
// communicator's.
absl::Status CheckCollectiveReplay(CudaDevice& device, Communicator& comm,
                                   const GraphApi& graphs, uint64_t seed);

}  // namespace parley::gpu_check

#endif  // PARLEY_TOOLS_GPU_CHECK_REPLAY_CHECK_H_
