// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Reduce on the device.
#include "parley/device/cuda/cuda_launcher.cuh"
#include "parley/device/cuda/launch.h"
#include "parley/device/cuda/launch_bodies.h"
#include "parley/device/cuda/runtime_kernels.h"

namespace parley::runtime_kernels {

cudaError_t LoadReduce() {
  LoadKernels kernels;
  VisitReduceBodies(kernels);
  return kernels.error;
}

cudaError_t Reduce(const ReduceArgs& args, const LaunchSettings& settings,
                   cudaStream_t stream) {
  return LaunchReduce(args, settings, CudaLauncher{stream, settings.ticket});
}

}  // namespace parley::runtime_kernels
