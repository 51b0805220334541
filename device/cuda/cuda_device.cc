// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/cuda/cuda_device.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/base/status_macros.h"
#include "parley/device/cuda/copy_list.h"
#include "parley/device/cuda/cuda_status.h"
#include "parley/device/cuda/fingerprint_body.h"
#include "parley/device/cuda/mean_body.h"
#include "parley/device/cuda/scoped_device.h"
#include "parley/device/kernels/elementwise.h"
#include "parley/device/kernels/validate.h"

namespace parley {
namespace {

constexpr int kLeastMajor = 8;  // what //third_party/cuda builds kernels for

absl::StatusOr<int> Attribute(const CudaApi& api, int index,
                              cudaDeviceAttr attribute) {
  int value = 0;
  PARLEY_RETURN_IF_ERROR(
      CudaStatus(api, api.DeviceGetAttribute(&value, attribute, index),
                 absl::StrCat("cuda:", index, ": DeviceGetAttribute")));
  return value;
}

absl::Status CheckDevice(const CudaApi& api, int index) {
  int count = 0;
  PARLEY_RETURN_IF_ERROR(
      CudaStatus(api, api.GetDeviceCount(&count), "GetDeviceCount"));
  if (index < 0 || index >= count) {
    return absl::InvalidArgumentError(absl::StrCat(
        "there is no cuda:", index, "; CUDA sees ", count, " devices"));
  }
  PARLEY_ASSIGN_OR_RETURN(
      const int major,
      Attribute(api, index, cudaDevAttrComputeCapabilityMajor));
  PARLEY_ASSIGN_OR_RETURN(
      const int minor,
      Attribute(api, index, cudaDevAttrComputeCapabilityMinor));
  if (major < kLeastMajor) {
    return absl::UnimplementedError(
        absl::StrCat("cuda:", index, " has compute capability ", major, ".",
                     minor, "; at least ", kLeastMajor, ".0 is needed"));
  }
  return absl::OkStatus();
}

absl::Status TooMany(absl::string_view what, int64_t count, int most) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, " are ", count, "; one launch takes at most ", most));
}

}  // namespace

absl::StatusOr<std::unique_ptr<CudaDevice>> CudaDevice::Create(
    const CudaApi& api, const CudaKernels& kernels, int index, Clock& clock) {
  PARLEY_RETURN_IF_ERROR(CheckDevice(api, index));
  PARLEY_ASSIGN_OR_RETURN(
      const int multiprocessors,
      Attribute(api, index, cudaDevAttrMultiProcessorCount));
  ScopedDevice scope(api, index);
  PARLEY_RETURN_IF_ERROR(CudaStatus(
      api, scope.error(), absl::StrCat("cuda:", index, ": SetDevice")));
  PARLEY_RETURN_IF_ERROR(
      CudaStatus(api, kernels.LoadAll(),
                 absl::StrCat("cuda:", index, ": loading the kernels")));
  return std::unique_ptr<CudaDevice>(
      new CudaDevice(api, kernels, index, multiprocessors, clock));
}

CudaDevice::CudaDevice(const CudaApi& api, const CudaKernels& kernels,
                       int index, int multiprocessors, Clock& clock)
    : api_(api),
      kernels_(kernels),
      index_(index),
      multiprocessors_(multiprocessors),
      clock_(clock),
      memory_(api, index, CudaMemory::kDevice),
      pinned_(api, index, CudaMemory::kPinnedHost) {}

CudaDevice::~CudaDevice() {
  if (abandoned_) return;
  ScopedDevice scope(api_, index_);
  MutexLock lock(&mutex_);
  for (const CudaStream::Scratch& scratch : scratches_) {
    api_.EventDestroy(scratch.done);
  }
  for (cudaEvent_t event : events_) api_.EventDestroy(event);
}

void CudaDevice::Abandon() {
  abandoned_ = true;
  memory_.Abandon();
  pinned_.Abandon();
}

std::string CudaDevice::Named(absl::string_view operation) const {
  return absl::StrCat("cuda:", index_, ": ", operation);
}

absl::StatusOr<std::unique_ptr<Stream>> CudaDevice::CreateStream() {
  return CreateCudaStream();
}

absl::StatusOr<std::unique_ptr<CudaStream>> CudaDevice::CreateCudaStream() {
  ScopedDevice scope(api_, index_);
  PARLEY_RETURN_IF_ERROR(CudaStatus(api_, scope.error(), Named("SetDevice")));
  cudaStream_t handle = nullptr;
  PARLEY_RETURN_IF_ERROR(CudaStatus(
      api_, api_.StreamCreateWithFlags(&handle, cudaStreamNonBlocking),
      Named("StreamCreate")));
  absl::StatusOr<std::unique_ptr<CudaStream>> stream =
      MakeStream(handle, /*owned=*/true);
  if (!stream.ok()) api_.StreamDestroy(handle);
  return stream;
}

absl::StatusOr<std::unique_ptr<CudaStream>> CudaDevice::WrapStream(
    cudaStream_t handle) {
  return MakeStream(handle, /*owned=*/false);
}

absl::StatusOr<std::unique_ptr<CudaStream>> CudaDevice::MakeStream(
    cudaStream_t handle, bool owned) {
  PARLEY_ASSIGN_OR_RETURN(const CudaStream::Scratch scratch, TakeScratch());
  return std::unique_ptr<CudaStream>(
      new CudaStream(*this, handle, owned, scratch));
}

std::unique_ptr<Event> CudaDevice::CreateEvent() {
  absl::StatusOr<std::unique_ptr<CudaEvent>> event = CreateCudaEvent();
  if (event.ok()) return *std::move(event);
  return std::unique_ptr<Event>(new CudaEvent(*this, nullptr, event.status()));
}

absl::StatusOr<std::unique_ptr<CudaEvent>> CudaDevice::CreateCudaEvent() {
  PARLEY_ASSIGN_OR_RETURN(const cudaEvent_t handle, TakeEvent());
  return std::unique_ptr<CudaEvent>(
      new CudaEvent(*this, handle, absl::OkStatus()));
}

absl::StatusOr<cudaEvent_t> CudaDevice::TakeEvent() {
  {
    MutexLock lock(&mutex_);
    if (!events_.empty()) {
      const cudaEvent_t event = events_.back();
      events_.pop_back();
      return event;
    }
  }
  ScopedDevice scope(api_, index_);
  PARLEY_RETURN_IF_ERROR(CudaStatus(api_, scope.error(), Named("SetDevice")));
  cudaEvent_t event = nullptr;
  PARLEY_RETURN_IF_ERROR(CudaStatus(
      api_, api_.EventCreateWithFlags(&event, cudaEventDisableTiming),
      Named("EventCreate")));
  return event;
}

void CudaDevice::ReturnEvent(cudaEvent_t event) {
  MutexLock lock(&mutex_);
  events_.push_back(event);
}

absl::StatusOr<CudaStream::Scratch> CudaDevice::TakeScratch() {
  {
    ScopedCaptureMode capture_mode(api_);
    MutexLock lock(&mutex_);
    for (CudaStream::Scratch& scratch : scratches_) {
      if (api_.EventQuery(scratch.done) != cudaSuccess) {
        api_.GetLastError();
        continue;
      }
      CudaStream::Scratch taken = std::exchange(scratch, scratches_.back());
      scratches_.pop_back();
      taken.gate->Detach();
      taken.gate = std::make_shared<StreamGate>(taken.gate_word);
      return taken;
    }
  }
  constexpr int64_t kBytes =
      kScratchWords * static_cast<int64_t>(sizeof(uint64_t));
  CudaStream::Scratch scratch;
  PARLEY_ASSIGN_OR_RETURN(scratch.done, TakeEvent());
  scratch.words = static_cast<uint64_t*>(memory_.Allocate(kBytes));
  scratch.gate_word =
      static_cast<int64_t*>(pinned_.Allocate(sizeof(*scratch.gate_word)));
  if (scratch.words == nullptr || scratch.gate_word == nullptr) {
    ReturnEvent(scratch.done);
    memory_.Deallocate(scratch.words, kBytes);
    pinned_.Deallocate(scratch.gate_word, sizeof(*scratch.gate_word));
    return absl::ResourceExhaustedError(absl::StrCat(
        Named("no memory for a stream's scratch, "), kBytes, " bytes"));
  }
  scratch.gate = std::make_shared<StreamGate>(scratch.gate_word);
  return scratch;
}

void CudaDevice::ReturnScratch(const CudaStream::Scratch& scratch,
                               cudaStream_t stream) {
  // Where the event cannot tell when the work is done, because recording it
  // fails or would be a part of a graph, the scratch is nobody's until the
  // device is destroyed.
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  cudaError_t error = api_.StreamIsCapturing(stream, &capture);
  const bool captured = capture != cudaStreamCaptureStatusNone;
  if (error == cudaSuccess && !captured) {
    error = api_.EventRecord(scratch.done, stream);
  }
  if (error != cudaSuccess) api_.GetLastError();
  MutexLock lock(&mutex_);
  if (error == cudaSuccess && !captured) {
    scratches_.push_back(scratch);
  } else {
    events_.push_back(scratch.done);
  }
}

template <typename Function>
absl::Status CudaDevice::Launch(absl::string_view kernel, Stream& stream,
                                const Function& launch) {
  auto& cuda_stream = static_cast<CudaStream&>(stream);
  if (!cuda_stream.failure_.ok()) return absl::OkStatus();
  ScopedDevice scope(api_, index_);
  cudaError_t error = scope.error();
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  if (error == cudaSuccess) {
    error = api_.StreamIsCapturing(cuda_stream.handle_, &capture);
  }
  if (error == cudaSuccess) {
    StreamGate& gate = *cuda_stream.scratch_.gate;
    const LaunchSettings settings = {
        multiprocessors_, cuda_stream.scratch_.words,
        capture == cudaStreamCaptureStatusNone ? gate.TakeForKernel()
                                               : gate.TakeForCapture()};
    error = launch(settings, cuda_stream.handle_);
  }
  cuda_stream.Fail(CudaStatus(api_, error, Named(kernel)));
  return absl::OkStatus();
}

absl::Status CudaDevice::CheckStream(absl::string_view kernel, Stream& stream) {
  if (&stream.device() == this) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(kernel, ": the stream belongs to another device"));
}

absl::Status CudaDevice::Mean(const MeanArgs& args, Stream& stream) {
  PARLEY_RETURN_IF_ERROR(CheckStream("Mean", stream));
  PARLEY_RETURN_IF_ERROR(Validate(args));
  const int64_t tensors = int64_t{args.num_inputs} + args.num_outputs;
  if (tensors > kMostMeanTensors) {
    return TooMany("Mean: inputs and outputs", tensors, kMostMeanTensors);
  }
  return Launch("Mean", stream,
                [&](const LaunchSettings& settings, cudaStream_t handle) {
                  return kernels_.Mean(args, settings, handle);
                });
}

absl::Status CudaDevice::Copy(const CopyArgs& args, Stream& stream) {
  PARLEY_RETURN_IF_ERROR(CheckStream("Copy", stream));
  PARLEY_RETURN_IF_ERROR(Validate(args, id()));
  return Launch("Copy", stream,
                [&](const LaunchSettings& settings, cudaStream_t handle) {
                  return ForEachCopyList<cudaError_t>(
                      args,
                      [&](const BlockCopyList& list) {
                        return kernels_.CopyBlocks(list, settings, handle);
                      },
                      [&](const ElementCopyList& list) {
                        return kernels_.CopyElements(list, settings, handle);
                      });
                });
}

absl::Status CudaDevice::Elementwise(const ElementwiseArgs& args,
                                     Stream& stream) {
  const char* const name = kernels::NameOf(args.op);
  PARLEY_RETURN_IF_ERROR(CheckStream(name, stream));
  PARLEY_RETURN_IF_ERROR(Validate(args));
  return Launch(name, stream,
                [&](const LaunchSettings& settings, cudaStream_t handle) {
                  return kernels_.Elementwise(args, settings, handle);
                });
}

absl::Status CudaDevice::Fingerprint(const FingerprintArgs& args,
                                     Stream& stream) {
  PARLEY_RETURN_IF_ERROR(CheckStream("Fingerprint", stream));
  PARLEY_RETURN_IF_ERROR(Validate(args));
  return Launch("Fingerprint", stream,
                [&](const LaunchSettings& settings, cudaStream_t handle) {
                  return kernels_.Fingerprint(args, settings, handle);
                });
}

}  // namespace parley
