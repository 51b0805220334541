// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The CUDA runtime as a table. Links it statically: a program with it starts on
// a machine without a driver, where every entry returns an error.
//
// Thread-safety: thread-safe.
#ifndef PARLEY_DEVICE_CUDA_RUNTIME_CUDA_API_H_
#define PARLEY_DEVICE_CUDA_RUNTIME_CUDA_API_H_

#include "parley/device/cuda/cuda_api.h"

namespace parley {

const CudaApi& RuntimeCudaApi();

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_RUNTIME_CUDA_API_H_
