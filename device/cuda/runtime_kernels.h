// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What the .cu files define: the entries of RuntimeCudaKernels().
#ifndef PARLEY_DEVICE_CUDA_RUNTIME_KERNELS_H_
#define PARLEY_DEVICE_CUDA_RUNTIME_KERNELS_H_

#include <cuda_runtime_api.h>

#include "parley/device/cuda/copy_body.h"
#include "parley/device/cuda/grid.h"
#include "parley/device/kernels/elementwise_ops.h"
#include "parley/device/kernels/flat_arguments.h"

namespace parley::runtime_kernels {

// mean_kernels.cu
cudaError_t LoadMean();
cudaError_t Mean(const MeanArgs& args, const LaunchSettings& settings,
                 cudaStream_t stream);

// elementwise_kernels.cu
cudaError_t LoadElementwise();
cudaError_t Elementwise(const ElementwiseArgs& args,
                        const LaunchSettings& settings, cudaStream_t stream);

// flat_kernels.cu
cudaError_t LoadFlat();
cudaError_t CopyBlocks(const BlockCopyList& list,
                       const LaunchSettings& settings, cudaStream_t stream);
cudaError_t CopyElements(const ElementCopyList& list,
                         const LaunchSettings& settings, cudaStream_t stream);
cudaError_t Fingerprint(const FingerprintArgs& args,
                        const LaunchSettings& settings, cudaStream_t stream);

}  // namespace parley::runtime_kernels

#endif  // PARLEY_DEVICE_CUDA_RUNTIME_KERNELS_H_
