// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels that nvcc compiled, as a table. Links the CUDA runtime
// statically: a program with it starts on a machine without a driver, where its
// launches fail.
//
// Thread-safety: thread-safe.
#ifndef PARLEY_DEVICE_CUDA_RUNTIME_CUDA_KERNELS_H_
#define PARLEY_DEVICE_CUDA_RUNTIME_CUDA_KERNELS_H_

#include "parley/device/cuda/cuda_kernels.h"

namespace parley {

const CudaKernels& RuntimeCudaKernels();

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_RUNTIME_CUDA_KERNELS_H_
