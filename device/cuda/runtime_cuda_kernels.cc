// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/cuda/runtime_cuda_kernels.h"

#include "parley/device/cuda/runtime_kernels.h"

namespace parley {
namespace {

cudaError_t LoadAll() {
  for (auto* load : {runtime_kernels::LoadMean, runtime_kernels::LoadFlat,
                     runtime_kernels::LoadElementwise}) {
    const cudaError_t error = load();
    if (error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

}  // namespace

const CudaKernels& RuntimeCudaKernels() {
  static constexpr CudaKernels kKernels = {
      .LoadAll = LoadAll,
      .Mean = runtime_kernels::Mean,
      .CopyBlocks = runtime_kernels::CopyBlocks,
      .CopyElements = runtime_kernels::CopyElements,
      .Elementwise = runtime_kernels::Elementwise,
      .Fingerprint = runtime_kernels::Fingerprint,
  };
  return kKernels;
}

}  // namespace parley
