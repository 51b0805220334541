// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The other kernels on the device.
#include "parley/device/cuda/cuda_launcher.cuh"
#include "parley/device/cuda/launch.h"
#include "parley/device/cuda/launch_bodies.h"
#include "parley/device/cuda/runtime_kernels.h"

namespace parley::runtime_kernels {

cudaError_t LoadFlat() {
  LoadKernels kernels;
  VisitCopyBodies(kernels);
  VisitCastBodies(kernels);
  VisitCombineBodies(kernels);
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

cudaError_t Cast(const CastArgs& args, const LaunchSettings& settings,
                 cudaStream_t stream) {
  return LaunchCast(args, settings, CudaLauncher{stream, settings.ticket});
}

cudaError_t Axpby(const AxpbyArgs& args, const LaunchSettings& settings,
                  cudaStream_t stream) {
  return LaunchAxpby(args, settings, CudaLauncher{stream, settings.ticket});
}

cudaError_t Lerp(const LerpArgs& args, const LaunchSettings& settings,
                 cudaStream_t stream) {
  return LaunchLerp(args, settings, CudaLauncher{stream, settings.ticket});
}

cudaError_t Delta(const DeltaArgs& args, const LaunchSettings& settings,
                  cudaStream_t stream) {
  return LaunchDelta(args, settings, CudaLauncher{stream, settings.ticket});
}

cudaError_t Fingerprint(const FingerprintArgs& args,
                        const LaunchSettings& settings, cudaStream_t stream) {
  return LaunchFingerprint(args, settings,
                           CudaLauncher{stream, settings.ticket});
}

}  // namespace parley::runtime_kernels
