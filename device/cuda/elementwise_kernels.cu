// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The element-wise operations on the device.
#include "parley/device/cuda/cuda_launcher.cuh"
#include "parley/device/cuda/launch.h"
#include "parley/device/cuda/launch_bodies.h"
#include "parley/device/cuda/runtime_kernels.h"

namespace parley::runtime_kernels {

cudaError_t LoadElementwise() {
  LoadKernels kernels;
  VisitElementwiseBodies(kernels);
  return kernels.error;
}

cudaError_t Elementwise(const ElementwiseArgs& args,
                        const LaunchSettings& settings, cudaStream_t stream) {
  return LaunchElementwise(args, settings,
                           CudaLauncher{stream, settings.ticket});
}

}  // namespace parley::runtime_kernels
