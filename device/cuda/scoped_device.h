// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Two properties of the calling thread that CUDA's functions depend on, changed
// for the length of a scope. The threads that call Parley are the caller's:
// they are left as they were found.
//
// ScopedDevice makes a device the current one:
//
//   ScopedDevice scope(api, 3);
//   PARLEY_RETURN_IF_ERROR(CudaStatus(api, scope.error(), "SetDevice"));
//
// ScopedCaptureMode allows what a capture that some other thread has under way
// otherwise forbids to all threads: taking memory, and asking an event whether
// it is done. It would make that thread's capture fail.
//
// Thread-safety: affects the calling thread only.
#ifndef PARLEY_DEVICE_CUDA_SCOPED_DEVICE_H_
#define PARLEY_DEVICE_CUDA_SCOPED_DEVICE_H_

#include <cuda_runtime_api.h>

#include "parley/device/cuda/cuda_api.h"

namespace parley {

class ScopedDevice {
 public:
  ScopedDevice(const CudaApi& api, int index) : api_(api) {
    error_ = api_.GetDevice(&before_);
    if (error_ != cudaSuccess || before_ == index) return;
    error_ = api_.SetDevice(index);
    changed_ = error_ == cudaSuccess;
  }
  ScopedDevice(const ScopedDevice&) = delete;
  ScopedDevice& operator=(const ScopedDevice&) = delete;
  ~ScopedDevice() {
    if (changed_) api_.SetDevice(before_);
  }

  cudaError_t error() const { return error_; }

 private:
  const CudaApi& api_;
  cudaError_t error_;
  int before_ = 0;
  bool changed_ = false;
};

class ScopedCaptureMode {
 public:
  explicit ScopedCaptureMode(const CudaApi& api) : api_(api) { Exchange(); }
  ScopedCaptureMode(const ScopedCaptureMode&) = delete;
  ScopedCaptureMode& operator=(const ScopedCaptureMode&) = delete;
  ~ScopedCaptureMode() { Exchange(); }

 private:
  void Exchange() { api_.ThreadExchangeStreamCaptureMode(&mode_); }

  const CudaApi& api_;
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

// Makes the calling thread one of the library's own, for good: on its device,
// and no disturbance to a capture that some other thread has under way.
inline void BecomeBackgroundThread(const CudaApi& api, int device_index) {
  api.SetDevice(device_index);
  cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
  api.ThreadExchangeStreamCaptureMode(&mode);
}

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_SCOPED_DEVICE_H_
