// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// From CUDA's errors to absl::Status, with CUDA's own name and text:
//
//   PARLEY_RETURN_IF_ERROR(CudaStatus(api, api.SetDevice(3), "SetDevice"));
//   // UNAVAILABLE: SetDevice: cudaErrorNoDevice: no CUDA-capable device is
//   // detected
//
// What goes wrong                           The status
//   no memory                               kResourceExhausted
//   no driver, one too old, no device,
//     a device in exclusive use             kUnavailable
//   a device or driver that cannot run
//     this binary's kernels                 kUnimplemented
//   an argument, a handle or a device's
//     number that CUDA refuses              kInvalidArgument
//   something that a capture forbids        kFailedPrecondition
//   memory or a link that lost data
//     (ECC, NVLink)                         kDataLoss, see below
//   a kernel that failed: an address, an
//     instruction, an assertion, a timeout  kInternal, see below
//   still running                           kUnavailable
//   anything else                           kInternal
//
// After the last two kinds of failure every call on the device fails with the
// same error until the process ends, whoever made it: the message says so.
//
// Thread-safety: thread-safe.
#ifndef PARLEY_DEVICE_CUDA_CUDA_STATUS_H_
#define PARLEY_DEVICE_CUDA_CUDA_STATUS_H_

#include <cuda_runtime_api.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "parley/device/cuda/cuda_api.h"

namespace parley {

// OK for cudaSuccess. Otherwise also takes the error from the thread's record
// of it, so that the caller's own checks do not find it.
absl::Status CudaStatus(const CudaApi& api, cudaError_t error,
                        absl::string_view what);

// Whether the process can use the device after `error` no more.
bool PoisonsContext(cudaError_t error);

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_CUDA_STATUS_H_
