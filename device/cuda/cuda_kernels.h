// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// CudaKernels: the functions that launch Parley's kernels, as a table, so that
// tests put a host in the place of the GPU. The real one is
// RuntimeCudaKernels() in runtime_cuda_kernels.h; a fake one calls the
// functions of launch.h with a launcher of its own. What each kernel computes
// is said in device/kernels/arguments.h.
//
// Each function enqueues on `stream`, which must be of the current device, and
// returns what the launch returned: it never waits. It takes arguments that
// Validate() accepts. What the arguments point to on the host (lists, weights)
// is copied before the function returns; tensors and results must live until
// the work is done.
//
// Thread-safety: a table is a value that does not change; its functions may be
// called by several threads at a time, for different streams.
#ifndef PARLEY_DEVICE_CUDA_CUDA_KERNELS_H_
#define PARLEY_DEVICE_CUDA_CUDA_KERNELS_H_

#include <cuda_runtime_api.h>

#include "parley/device/cuda/copy_body.h"
#include "parley/device/cuda/grid.h"
#include "parley/device/kernels/elementwise_ops.h"
#include "parley/device/kernels/flat_arguments.h"

namespace parley {

struct CudaKernels {
  // Loads all kernels onto the current device. CUDA otherwise loads each at its
  // first launch, which waits for the device: for ever, if the work of a
  // collective is running there that waits for this rank.
  cudaError_t (*LoadAll)();

  // Requires at most kMostMeanTensors inputs and outputs.
  cudaError_t (*Mean)(const MeanArgs& args, const LaunchSettings& settings,
                      cudaStream_t stream);

  cudaError_t (*CopyBlocks)(const BlockCopyList& list,
                            const LaunchSettings& settings,
                            cudaStream_t stream);
  cudaError_t (*CopyElements)(const ElementCopyList& list,
                              const LaunchSettings& settings,
                              cudaStream_t stream);
  cudaError_t (*Elementwise)(const ElementwiseArgs& args,
                             const LaunchSettings& settings,
                             cudaStream_t stream);
  cudaError_t (*Fingerprint)(const FingerprintArgs& args,
                             const LaunchSettings& settings,
                             cudaStream_t stream);
};

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_CUDA_KERNELS_H_
