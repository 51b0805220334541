// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// FakeCudaKernels: Parley's CUDA kernels on the fake device. A launch enqueues
// the very body that a GPU runs, with its parameters by value, and all threads
// of its grid run in a loop when the stream has got there. What the kernel
// touches is checked against the device's memory.
//
// Thread-safety: as CudaKernels.
#ifndef PARLEY_TESTS_FAKES_FAKE_KERNELS_H_
#define PARLEY_TESTS_FAKES_FAKE_KERNELS_H_

#include "parley/device/cuda/cuda_kernels.h"

namespace parley::fakes {

const CudaKernels& FakeCudaKernels();

}  // namespace parley::fakes

#endif  // PARLEY_TESTS_FAKES_FAKE_KERNELS_H_
