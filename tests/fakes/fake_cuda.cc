// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/fakes/fake_cuda.h"

#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/tests/fakes/fake_call.h"
#include "parley/tests/fakes/fake_capture.h"
#include "parley/tests/fakes/fake_machine.h"

namespace parley::fakes {
namespace {

// The toolkit that the table was written against.
constexpr int kCudaVersion = 13000;

cudaError_t GetDeviceCount(int* count) {
  CudaCall call("cudaGetDeviceCount");
  *count = call.machine().size();
  return cudaSuccess;
}

// Ranks are processes of their own; none has business on another's device.
cudaError_t SetDevice(int device) {
  CudaCall call("cudaSetDevice");
  if (device < 0 || device >= call.machine().size()) {
    return call.Refuse(
        cudaErrorInvalidDevice,
        absl::StrCat("device ", device, " of ", call.machine().size()));
  }
  if (call.thread() != nullptr && device != call.device().rank) {
    return call.Refuse(cudaErrorInvalidDevice,
                       absl::StrCat("device ", device, ", another rank's"));
  }
  ThisCudaThread().device = device;
  return call.error();
}

cudaError_t GetDevice(int* device) {
  CudaCall call("cudaGetDevice");
  *device = ThisCudaThread().device;
  return call.error();
}

// An H100's, as far as anybody asks.
cudaError_t DeviceGetAttribute(int* value, cudaDeviceAttr attribute,
                               int device) {
  CudaCall call("cudaDeviceGetAttribute");
  if (device < 0 || device >= call.machine().size()) {
    return call.Refuse(cudaErrorInvalidDevice, absl::StrCat("device ", device));
  }
  switch (attribute) {
    case cudaDevAttrComputeCapabilityMajor:
      *value = 9;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = 0;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = 132;
      break;
    case cudaDevAttrMaxThreadsPerBlock:
      *value = 1024;
      break;
    case cudaDevAttrMaxGridDimX:
      *value = 0x7fffffff;
      break;
    case cudaDevAttrL2CacheSize:
      *value = 50 << 20;
      break;
    default:
      return call.Refuse(
          cudaErrorInvalidValue,
          absl::StrCat("an attribute that the fake does not know: ",
                       static_cast<int>(attribute)));
  }
  return call.error();
}

cudaError_t DriverGetVersion(int* version) {
  *version = kCudaVersion;
  return cudaSuccess;
}

cudaError_t RuntimeGetVersion(int* version) {
  *version = kCudaVersion;
  return cudaSuccess;
}

cudaError_t Allocate(CudaCall& call, void** memory, size_t bytes, bool pinned) {
  if (call.error() != cudaSuccess) return call.error();
  *memory = nullptr;
  if (!AllowedBesideCaptures(call)) return call.error();
  if (bytes == 0) return cudaSuccess;
  FakeDevice& device = call.device();
  *memory = device.memory.Allocate(
      static_cast<int64_t>(bytes), pinned,
      device.NextName(pinned ? "pinned memory" : "device memory"));
  return cudaSuccess;
}

cudaError_t Release(CudaCall& call, void* memory, bool pinned) {
  if (call.error() != cudaSuccess) return call.error();
  if (memory == nullptr) return cudaSuccess;
  if (!AllowedBesideCaptures(call)) return call.error();
  FakeDevice& device = call.device();
  Block* block = device.memory.Find(memory);
  if (block == nullptr || block->data != memory) {
    return call.Refuse(cudaErrorInvalidValue,
                       "an address that this rank did not allocate");
  }
  if (block->freed) {
    return call.Refuse(cudaErrorInvalidValue,
                       absl::StrCat(block->name, " was freed before"));
  }
  if (block->pinned != pinned) {
    return call.Refuse(cudaErrorInvalidValue,
                       absl::StrCat(block->name, " is of the other kind"));
  }
  const std::string user = device.UserOf(*block);
  if (!user.empty()) {
    call.Diagnose(absl::StrCat(block->name, " is still used by ", user));
  }
  device.memory.Free(*block);
  return cudaSuccess;
}

cudaError_t Malloc(void** memory, size_t bytes) {
  CudaCall call("cudaMalloc");
  if (call.error() == cudaSuccess && !call.HasDevice()) {
    return call.Fail(cudaErrorInvalidDevice);
  }
  return Allocate(call, memory, bytes, /*pinned=*/false);
}

cudaError_t Free(void* memory) {
  CudaCall call("cudaFree");
  return Release(call, memory, /*pinned=*/false);
}

cudaError_t HostAlloc(void** memory, size_t bytes, unsigned int) {
  CudaCall call("cudaHostAlloc");
  return Allocate(call, memory, bytes, /*pinned=*/true);
}

cudaError_t FreeHost(void* memory) {
  CudaCall call("cudaFreeHost");
  return Release(call, memory, /*pinned=*/true);
}

// Puts work on a stream whose memory must be live now and when it runs.
cudaError_t EnqueueTask(CudaCall& call, cudaStream_t handle, Item item) {
  FakeStream* stream = call.Find(handle);
  if (stream == nullptr) return call.error();
  if (!call.HasThread()) return call.Fail(cudaErrorNotSupported);
  for (const Access& access : item.accesses) {
    const std::string problem = call.device().memory.Problem(access);
    if (!problem.empty()) {
      return call.Refuse(cudaErrorInvalidValue,
                         absl::StrCat(item.name, " on ", stream->name(),
                                      " touches ", problem));
    }
  }
  if (stream->capture() != nullptr) {
    return CaptureTask(call, *stream, std::move(item));
  }
  stream->Push(*call.thread(), std::move(item));
  return cudaSuccess;
}

// Whether the memory is what `kind` says it is.
bool Fits(CudaCall& call, const void* memory, bool host) {
  const Block* block = call.device().memory.Find(memory);
  return block == nullptr || block->pinned == host;
}

cudaError_t MemcpyAsync(void* to, const void* from, size_t bytes,
                        cudaMemcpyKind kind, cudaStream_t stream) {
  CudaCall call("cudaMemcpyAsync");
  if (call.error() != cudaSuccess) return call.error();
  const bool from_host =
      kind == cudaMemcpyHostToDevice || kind == cudaMemcpyHostToHost;
  const bool to_host =
      kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyHostToHost;
  if (kind != cudaMemcpyDefault && bytes > 0 &&
      !(Fits(call, from, from_host) && Fits(call, to, to_host))) {
    return call.Refuse(cudaErrorInvalidMemcpyDirection,
                       "the memory is not of the kind that was named");
  }
  Item item;
  item.name = absl::StrCat("a copy of ", bytes, " bytes");
  item.accesses = {{from, static_cast<int64_t>(bytes)},
                   {to, static_cast<int64_t>(bytes)}};
  item.run = [to, from, bytes] {
    if (bytes > 0) std::memmove(to, from, bytes);
  };
  return EnqueueTask(call, stream, std::move(item));
}

cudaError_t MemsetAsync(void* memory, int value, size_t bytes,
                        cudaStream_t stream) {
  CudaCall call("cudaMemsetAsync");
  if (call.error() != cudaSuccess) return call.error();
  Item item;
  item.name = absl::StrCat("a memset of ", bytes, " bytes");
  item.accesses = {{memory, static_cast<int64_t>(bytes)}};
  item.run = [memory, value, bytes] {
    if (bytes > 0) std::memset(memory, value, bytes);
  };
  return EnqueueTask(call, stream, std::move(item));
}

cudaError_t StreamCreateWithFlags(cudaStream_t* made, unsigned int) {
  CudaCall call("cudaStreamCreateWithFlags");
  if (call.error() != cudaSuccess) return call.error();
  if (!call.HasDevice()) return call.Fail(cudaErrorInvalidDevice);
  FakeDevice& device = call.device();
  const std::string name = device.NextName("stream");
  device.streams.push_back(std::make_unique<FakeStream>(
      device, name,
      call.machine().Draws(name, static_cast<uint64_t>(device.rank))));
  *made = reinterpret_cast<cudaStream_t>(device.streams.back().get());
  return cudaSuccess;
}

// CUDA lets the work be done; but nobody can wait for it any more. Records and
// waits that are left do no harm.
cudaError_t StreamDestroy(cudaStream_t handle) {
  CudaCall call("cudaStreamDestroy");
  FakeStream* stream = call.Find(handle);
  if (stream == nullptr) return call.error();
  if (stream->has_work()) {
    call.Diagnose(absl::StrCat("work is still queued: ", stream->Describe()));
  }
  if (stream->capture() != nullptr) {
    SpoilCapture(call, *stream->capture(), cudaErrorStreamCaptureUnsupported,
                 absl::StrCat(stream->name(), " is being captured"));
  }
  stream->set_destroyed();
  return cudaSuccess;
}

cudaError_t StreamQuery(cudaStream_t handle) {
  CudaCall call("cudaStreamQuery");
  FakeStream* stream = call.Find(handle);
  if (stream == nullptr) return call.error();
  if (stream->capture() != nullptr) {
    return SpoilCapture(call, *stream->capture(),
                        cudaErrorStreamCaptureUnsupported,
                        absl::StrCat(stream->name(), " is being captured"));
  }
  if (!AllowedBesideCaptures(call)) return call.error();
  return call.Answer(stream->idle());
}

cudaError_t StreamWaitEvent(cudaStream_t stream_handle,
                            cudaEvent_t event_handle, unsigned int) {
  CudaCall call("cudaStreamWaitEvent");
  FakeStream* stream = call.Find(stream_handle);
  if (stream == nullptr) return call.error();
  FakeEvent* event = call.Find(event_handle);
  if (event == nullptr) return call.error();
  if (!call.HasThread()) return call.Fail(cudaErrorNotSupported);
  if (stream->capture() != nullptr || event->capture != nullptr) {
    return CaptureWait(call, *stream, *event);
  }
  // What was never recorded stands for nothing; a later record does not matter.
  if (event->point == nullptr) return cudaSuccess;
  Item item;
  item.kind = Item::kWait;
  item.name = absl::StrCat("a wait for ", event->name);
  item.point = event->point;
  stream->Push(*call.thread(), std::move(item));
  return cudaSuccess;
}

cudaError_t EventCreateWithFlags(cudaEvent_t* made, unsigned int) {
  CudaCall call("cudaEventCreateWithFlags");
  if (call.error() != cudaSuccess) return call.error();
  if (!call.HasDevice()) return call.Fail(cudaErrorInvalidDevice);
  FakeDevice& device = call.device();
  device.events.push_back(std::make_unique<FakeEvent>(
      FakeEvent{&device, device.NextName("event")}));
  *made = reinterpret_cast<cudaEvent_t>(device.events.back().get());
  return cudaSuccess;
}

// Streams that record it or wait for it go on as if it were there.
cudaError_t EventDestroy(cudaEvent_t handle) {
  CudaCall call("cudaEventDestroy");
  FakeEvent* event = call.Find(handle);
  if (event == nullptr) return call.error();
  event->destroyed = true;
  return cudaSuccess;
}

cudaError_t EventRecord(cudaEvent_t event_handle, cudaStream_t stream_handle) {
  CudaCall call("cudaEventRecord");
  FakeStream* stream = call.Find(stream_handle);
  if (stream == nullptr) return call.error();
  FakeEvent* event = call.Find(event_handle);
  if (event == nullptr) return call.error();
  if (!call.HasThread()) return call.Fail(cudaErrorNotSupported);
  if (stream->capture() != nullptr) return CaptureRecord(call, *stream, *event);
  event->capture = nullptr;
  event->point = std::make_shared<Point>();
  Item item;
  item.kind = Item::kRecord;
  item.name = absl::StrCat("the record of ", event->name);
  item.point = event->point;
  stream->Push(*call.thread(), std::move(item));
  return cudaSuccess;
}

cudaError_t EventQuery(cudaEvent_t handle) {
  CudaCall call("cudaEventQuery");
  FakeEvent* event = call.Find(handle);
  if (event == nullptr) return call.error();
  if (event->capture != nullptr) {
    return SpoilCapture(
        call, *event->capture, cudaErrorCapturedEvent,
        absl::StrCat(event->name, " was last recorded in a capture"));
  }
  if (!AllowedBesideCaptures(call)) return call.error();
  return call.Answer(event->point == nullptr || event->point->done);
}

cudaError_t StreamIsCapturing(cudaStream_t handle,
                              cudaStreamCaptureStatus* status) {
  CudaCall call("cudaStreamIsCapturing");
  FakeStream* stream = call.Find(handle);
  if (stream == nullptr) return call.error();
  *status = stream->capture() == nullptr ? cudaStreamCaptureStatusNone
            : stream->capture()->spoiled ? cudaStreamCaptureStatusInvalidated
                                         : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

cudaError_t ThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  std::swap(*mode, ThisCudaThread().capture_mode);
  return cudaSuccess;
}

cudaError_t GetLastError() {
  return std::exchange(ThisCudaThread().last_error, cudaSuccess);
}

const char* GetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorInvalidMemcpyDirection:
      return "cudaErrorInvalidMemcpyDirection";
    case cudaErrorInvalidResourceHandle:
      return "cudaErrorInvalidResourceHandle";
    case cudaErrorDevicesUnavailable:
      return "cudaErrorDevicesUnavailable";
    case cudaErrorLaunchTimeout:
      return "cudaErrorLaunchTimeout";
    case cudaErrorNotReady:
      return "cudaErrorNotReady";
    case cudaErrorNotSupported:
      return "cudaErrorNotSupported";
    case cudaErrorStreamCaptureUnsupported:
      return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureInvalidated:
      return "cudaErrorStreamCaptureInvalidated";
    case cudaErrorStreamCaptureIsolation:
      return "cudaErrorStreamCaptureIsolation";
    case cudaErrorCapturedEvent:
      return "cudaErrorCapturedEvent";
    default:
      return "unrecognized error code";
  }
}

const char* GetErrorString(cudaError_t error) { return GetErrorName(error); }

}  // namespace

cudaError_t EnqueueKernel(const std::string& name, cudaStream_t stream,
                          std::vector<Access> accesses,
                          std::function<void()> run) {
  CudaCall call("cudaLaunchKernel");
  if (call.error() != cudaSuccess) return call.error();
  if (!call.HasDevice()) return call.Fail(cudaErrorInvalidResourceHandle);
  Item item;
  item.name = name;
  item.accesses = std::move(accesses);
  item.run = std::move(run);
  return EnqueueTask(call, stream, std::move(item));
}

const CudaApi& FakeCudaApi() {
  static constexpr CudaApi kApi = {
      GetDeviceCount,
      SetDevice,
      GetDevice,
      DeviceGetAttribute,
      DriverGetVersion,
      RuntimeGetVersion,
      Malloc,
      Free,
      HostAlloc,
      FreeHost,
      MemcpyAsync,
      MemsetAsync,
      StreamCreateWithFlags,
      StreamDestroy,
      StreamQuery,
      StreamWaitEvent,
      EventCreateWithFlags,
      EventDestroy,
      EventRecord,
      EventQuery,
      StreamIsCapturing,
      ThreadExchangeStreamCaptureMode,
      GetLastError,
      GetErrorName,
      GetErrorString,
  };
  return kApi;
}

}  // namespace parley::fakes
