// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// CudaStream and CudaEvent.
#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/base/poll_interval.h"
#include "parley/base/status_macros.h"
#include "parley/device/cuda/cuda_device.h"
#include "parley/device/cuda/cuda_status.h"
#include "parley/device/cuda/scoped_device.h"

namespace parley {
CudaEvent::CudaEvent(CudaDevice& device, cudaEvent_t handle,
                     absl::Status failure)
    : device_(device), handle_(handle), failure_(std::move(failure)) {}

CudaEvent::~CudaEvent() {
  if (handle_ != nullptr) device_.ReturnEvent(handle_);
}

absl::StatusOr<bool> CudaEvent::IsDone() {
  PARLEY_RETURN_IF_ERROR(failure_);
  if (!recorded_) return true;
  const CudaApi& api = device_.api();
  ScopedCaptureMode capture_mode(api);
  const cudaError_t error = api.EventQuery(handle_);
  if (error == cudaErrorNotReady) {
    api.GetLastError();
    return false;
  }
  PARLEY_RETURN_IF_ERROR(CudaStatus(api, error, device_.Named("EventQuery")));
  return true;
}

CudaStream::CudaStream(CudaDevice& device, cudaStream_t handle, bool owned,
                       Scratch scratch)
    : device_(device), handle_(handle), owned_(owned), scratch_(scratch) {}

CudaStream::~CudaStream() {
  if (device_.abandoned_) return;
  ScopedDevice scope(device_.api(), device_.index());
  device_.ReturnScratch(scratch_, handle_);
  if (owned_) device_.api().StreamDestroy(handle_);
}

Device& CudaStream::device() { return device_; }

void CudaStream::Fail(absl::Status failure) {
  failure_.Update(std::move(failure));
}

void CudaStream::Record(Event& event) {
  auto& cuda_event = static_cast<CudaEvent&>(event);
  if (cuda_event.handle_ == nullptr) return Fail(cuda_event.failure_);
  const CudaApi& api = device_.api();
  if (failure_.ok()) {
    ScopedDevice scope(api, device_.index());
    cudaError_t error = scope.error();
    if (error == cudaSuccess) {
      error = api.EventRecord(cuda_event.handle_, handle_);
    }
    Fail(CudaStatus(api, error, device_.Named("EventRecord")));
  }
  cuda_event.recorded_ = true;
  cuda_event.failure_ = failure_;
}

void CudaStream::Wait(Event& event) {
  auto& cuda_event = static_cast<CudaEvent&>(event);
  if (!cuda_event.recorded_) return;
  Fail(cuda_event.failure_);
  if (!failure_.ok()) return;
  const CudaApi& api = device_.api();
  ScopedDevice scope(api, device_.index());
  cudaError_t error = scope.error();
  if (error == cudaSuccess) {
    error = api.StreamWaitEvent(handle_, cuda_event.handle_, 0);
  }
  Fail(CudaStatus(api, error, device_.Named("StreamWaitEvent")));
}

absl::Status CudaStream::WaitHost(absl::Duration timeout) {
  const absl::Status polled = Poll(timeout);
  if (absl::IsDeadlineExceeded(polled) || absl::IsFailedPrecondition(polled)) {
    return polled;
  }
  Fail(polled);
  StreamGate& gate = *scratch_.gate;
  Fail(device_.abandoned_ ? gate.failure() : gate.Open());
  return std::exchange(failure_, absl::OkStatus());
}

absl::Status CudaStream::Poll(absl::Duration timeout) {
  const CudaApi& api = device_.api();
  ScopedDevice scope(api, device_.index());
  PARLEY_RETURN_IF_ERROR(
      CudaStatus(api, scope.error(), device_.Named("SetDevice")));
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  PARLEY_RETURN_IF_ERROR(CudaStatus(api,
                                    api.StreamIsCapturing(handle_, &capture),
                                    device_.Named("StreamIsCapturing")));
  if (capture != cudaStreamCaptureStatusNone) {
    return absl::FailedPreconditionError(absl::StrCat(
        device_.Named("WaitHost"), ": the stream is being captured"));
  }
  ScopedCaptureMode capture_mode(api);
  Clock& clock = device_.clock();
  const int64_t deadline = DeadlineAfter(
      clock.NowNs(), std::max<int64_t>(0, absl::ToInt64Nanoseconds(timeout)));
  PollInterval interval;
  while (true) {
    // Asked before the stream: what ends an operation first closes the gate.
    const bool closing = scratch_.gate->closing();
    if (device_.abandoned_ && !closing && !scratch_.gate->failure().ok()) {
      return absl::OkStatus();
    }
    const cudaError_t error = api.StreamQuery(handle_);
    if (error != cudaErrorNotReady && !closing) {
      return CudaStatus(api, error, device_.Named("WaitHost"));
    }
    if (error == cudaErrorNotReady) api.GetLastError();
    const int64_t sleep_ns = interval.NextNs();
    if (sleep_ns == 0) continue;
    const int64_t now = clock.NowNs();
    if (now >= deadline) {
      return absl::DeadlineExceededError(absl::StrCat(
          device_.Named("WaitHost"), ": the stream's work is not done after ",
          absl::FormatDuration(timeout)));
    }
    clock.WaitUntil([] { return false; },
                    std::min(deadline, DeadlineAfter(now, sleep_ns)));
  }
}

}  // namespace parley
