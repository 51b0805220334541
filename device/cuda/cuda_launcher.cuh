// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The launchers of launch.h that use a GPU, for the .cu files. These are
// several, each with the kernels of a few functions, so that compilers work
// side by side; what they give to runtime_cuda_kernels.cc is declared here.
#ifndef PARLEY_DEVICE_CUDA_CUDA_LAUNCHER_CUH_
#define PARLEY_DEVICE_CUDA_CUDA_LAUNCHER_CUH_

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "parley/device/cuda/grid.h"

namespace parley {

template <typename Body>
__global__ void __launch_bounds__(Grid::kThreadsPerBlock)
    Kernel(const __grid_constant__ typename Body::Params params,
           const StreamTicket ticket) {
  if (!ticket.MayRun()) return;
  Body::Run(
      GridPosition{blockIdx.x * int64_t{Grid::kThreadsPerBlock} + threadIdx.x,
                   gridDim.x * int64_t{Grid::kThreadsPerBlock}},
      params);
}

// Not <<<>>>, after which only cudaGetLastError() tells how the launch went: it
// also tells of errors that others left behind.
struct CudaLauncher {
  using Error = cudaError_t;

  template <typename Body>
  Error Launch(const typename Body::Params& params, const Grid& grid) {
    using Params = typename Body::Params;
    static_assert(std::is_trivially_copyable_v<Params>);
    static_assert(sizeof(Params) + sizeof(StreamTicket) <= 32764,
                  "the most that a launch can take");
    void* arguments[] = {const_cast<Params*>(&params), &ticket};
    return cudaLaunchKernel(reinterpret_cast<const void*>(&Kernel<Body>),
                            dim3(static_cast<unsigned int>(grid.blocks)),
                            dim3(Grid::kThreadsPerBlock), arguments,
                            /*sharedMem=*/0, stream);
  }

  cudaStream_t stream;
  StreamTicket ticket;
};

// Loads the kernel of each body that a function of launch_bodies.h lists.
struct LoadKernels {
  template <typename Body>
  void Visit() {
    cudaFuncAttributes attributes;
    if (error == cudaSuccess) {
      error = cudaFuncGetAttributes(
          &attributes, reinterpret_cast<const void*>(&Kernel<Body>));
    }
  }

  cudaError_t error = cudaSuccess;
};

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_CUDA_LAUNCHER_CUH_
