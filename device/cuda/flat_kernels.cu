// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Copy and Fingerprint on the device.
#include "parley/device/cuda/cuda_launcher.cuh"
#include "parley/device/cuda/launch.h"
#include "parley/device/cuda/launch_bodies.h"
#include "parley/device/cuda/runtime_kernels.h"

namespace parley::runtime_kernels {

cudaError_t LoadFlat() {
  LoadKernels kernels;
  VisitCopyBodies(kernels);
  VisitFingerprintBodies(kernels);
  return kernels.error;
}

cudaError_t CopyBlocks(const BlockCopyList& list,
                       const LaunchSettings& settings, cudaStream_t stream) {
  return LaunchCopyBlocks(list, settings,
                          CudaLauncher{stream, settings.ticket});
}

cudaError_t CopyElements(const ElementCopyList& list,
                         const LaunchSettings& settings, cudaStream_t stream) {
  return LaunchCopyElements(list, settings,
                            CudaLauncher{stream, settings.ticket});
}

cudaError_t Fingerprint(const FingerprintArgs& args,
                        const LaunchSettings& settings, cudaStream_t stream) {
  return LaunchFingerprint(args, settings,
                           CudaLauncher{stream, settings.ticket});
}

}  // namespace parley::runtime_kernels
