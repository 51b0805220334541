// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// CudaApi: the entry points of the CUDA runtime that Parley uses, as a table.
// Everything calls CUDA through one, so that tests replace the runtime
// (tests/fakes) and run the same code on machines without a GPU. The real one
// is RuntimeCudaApi() in runtime_cuda_api.h.
//
//   PARLEY_RETURN_IF_ERROR(CudaStatus(api, api.SetDevice(3), "SetDevice"));
//
// The signatures are written out: the runtime's header overloads several of
// them for C++, so that their addresses alone are ambiguous.
//
// Thread-safety: a table is a value that does not change; the entry points are
// as thread-safe as CUDA's.
#ifndef PARLEY_DEVICE_CUDA_CUDA_API_H_
#define PARLEY_DEVICE_CUDA_CUDA_API_H_

#include <cuda_runtime_api.h>

#include <cstddef>

namespace parley {

struct CudaApi {
  // Devices. The current device belongs to the calling thread.
  cudaError_t (*GetDeviceCount)(int* count);
  cudaError_t (*SetDevice)(int device);
  cudaError_t (*GetDevice)(int* device);
  cudaError_t (*DeviceGetAttribute)(int* value, cudaDeviceAttr attribute,
                                    int device);
  cudaError_t (*DriverGetVersion)(int* version);
  cudaError_t (*RuntimeGetVersion)(int* version);

  // Memory. Malloc, Free and the host's allocations may wait for the device:
  // never between the first and the last operation of a meeting.
  cudaError_t (*Malloc)(void** memory, size_t bytes);
  cudaError_t (*Free)(void* memory);
  cudaError_t (*HostAlloc)(void** memory, size_t bytes, unsigned int flags);
  cudaError_t (*FreeHost)(void* memory);
  cudaError_t (*MemcpyAsync)(void* to, const void* from, size_t bytes,
                             cudaMemcpyKind kind, cudaStream_t stream);
  cudaError_t (*MemsetAsync)(void* memory, int value, size_t bytes,
                             cudaStream_t stream);

  // Streams and events.
  cudaError_t (*StreamCreateWithFlags)(cudaStream_t* stream,
                                       unsigned int flags);
  cudaError_t (*StreamDestroy)(cudaStream_t stream);
  cudaError_t (*StreamQuery)(cudaStream_t stream);
  cudaError_t (*StreamWaitEvent)(cudaStream_t stream, cudaEvent_t event,
                                 unsigned int flags);
  cudaError_t (*EventCreateWithFlags)(cudaEvent_t* event, unsigned int flags);
  cudaError_t (*EventDestroy)(cudaEvent_t event);
  cudaError_t (*EventRecord)(cudaEvent_t event, cudaStream_t stream);
  cudaError_t (*EventQuery)(cudaEvent_t event);

  // Capture into graphs.
  cudaError_t (*StreamIsCapturing)(cudaStream_t stream,
                                   cudaStreamCaptureStatus* status);
  cudaError_t (*ThreadExchangeStreamCaptureMode)(cudaStreamCaptureMode* mode);

  // Errors.
  cudaError_t (*GetLastError)();
  const char* (*GetErrorName)(cudaError_t error);
  const char* (*GetErrorString)(cudaError_t error);
};

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_CUDA_API_H_
