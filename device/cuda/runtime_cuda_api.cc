// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/cuda/runtime_cuda_api.h"

namespace parley {

const CudaApi& RuntimeCudaApi() {
  static constexpr CudaApi kApi = {
      .GetDeviceCount = cudaGetDeviceCount,
      .SetDevice = cudaSetDevice,
      .GetDevice = cudaGetDevice,
      .DeviceGetAttribute = cudaDeviceGetAttribute,
      .DriverGetVersion = cudaDriverGetVersion,
      .RuntimeGetVersion = cudaRuntimeGetVersion,
      .Malloc = cudaMalloc,
      .Free = cudaFree,
      .HostAlloc = cudaHostAlloc,
      .FreeHost = cudaFreeHost,
      .MemcpyAsync = cudaMemcpyAsync,
      .MemsetAsync = cudaMemsetAsync,
      .StreamCreateWithFlags = cudaStreamCreateWithFlags,
      .StreamDestroy = cudaStreamDestroy,
      .StreamQuery = cudaStreamQuery,
      .StreamWaitEvent = cudaStreamWaitEvent,
      .EventCreateWithFlags = cudaEventCreateWithFlags,
      .EventDestroy = cudaEventDestroy,
      .EventRecord = cudaEventRecord,
      .EventQuery = cudaEventQuery,
      .StreamIsCapturing = cudaStreamIsCapturing,
      .ThreadExchangeStreamCaptureMode = cudaThreadExchangeStreamCaptureMode,
      .GetLastError = cudaGetLastError,
      .GetErrorName = cudaGetErrorName,
      .GetErrorString = cudaGetErrorString,
  };
  return kApi;
}

}  // namespace parley
