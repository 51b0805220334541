// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/fakes/fake_call.h"

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "parley/sim/scheduler.h"

namespace parley::fakes {
namespace {

// What a query costs its thread.
constexpr int64_t kQueryNs = 500;

FakeMachine& Machine(const char* call) {
  FakeMachine* machine = FakeMachine::Current();
  if (machine == nullptr) {
    std::fprintf(stderr, "%s: no fake machine runs\n", call);
    std::abort();
  }
  return *machine;
}

// Null if the handle was never given out, by any device.
template <typename T>
T* Known(FakeMachine& machine,
         std::vector<std::unique_ptr<T>> FakeDevice::*list,
         const void* handle) {
  for (int rank = 0; rank < machine.size(); ++rank) {
    for (const auto& object : machine.device(rank).*list) {
      if (object.get() == handle) return object.get();
    }
  }
  return nullptr;
}

}  // namespace

CudaThread& ThisCudaThread() {
  static thread_local CudaThread state;
  return state;
}

Call::Call(const char* name)
    : name_(name), machine_(Machine(name)), thread_(sim::Scheduler::Current()) {
  device_ =
      &machine_.device(thread_ != nullptr ? static_cast<int>(thread_->key >> 16)
                                          : ThisCudaThread().device);
  Lock();
}

Call::~Call() { Unlock(); }

void Call::Lock() { machine_.mutex().Lock(); }
void Call::Unlock() { machine_.mutex().Unlock(); }

int64_t Call::now_ns() const {
  return thread_ == nullptr ? 0 : thread_->now_ns;
}

void Call::Diagnose(const std::string& text) {
  machine_.Diagnose(now_ns(), device_->rank, absl::StrCat(name_, ": ", text));
}

bool Call::HasThread() {
  if (thread_ != nullptr) return true;
  Diagnose("called by a thread that is neither a rank nor an actor");
  return false;
}

bool Call::HasDevice() {
  const int current = ThisCudaThread().device;
  if (current == device_->rank) return true;
  Diagnose(absl::StrCat("the thread's current device is ", current,
                        ", not that of its rank: cudaSetDevice was forgotten"));
  return false;
}

bool Call::WaitUntil(const std::function<bool()>& ended,
                     const std::string& what) {
  while (!ended()) {
    thread_->condition = &ended;
    thread_->waits_for = [&what] { return absl::StrCat("waits in ", what); };
    Unlock();
    machine_.scheduler().Park(*thread_);
    Lock();
    if (thread_->cancelled) return ended();
  }
  return true;
}

bool Call::CountQuery(bool futile) {
  if (thread_ != nullptr) thread_->now_ns += kQueryNs;
  if (!futile) return true;
  if (device_->stalled) return false;
  const int64_t most = machine_.options().max_futile_queries;
  if (++device_->futile_queries < most) return true;
  device_->stalled = true;
  std::string text =
      absl::StrCat("nothing has happened for ", most, " queries");
  for (const auto& stream : device_->streams) {
    if (!stream->idle()) absl::StrAppend(&text, "; ", stream->Describe());
  }
  Diagnose(text);
  return false;
}

CudaCall::CudaCall(const char* name) : Call(name) {
  if (device().dead) Fail(cudaErrorDevicesUnavailable);
  if (device().stalled) Fail(cudaErrorLaunchTimeout);
}

cudaError_t CudaCall::Fail(cudaError_t error) {
  error_ = error;
  ThisCudaThread().last_error = error;
  return error;
}

cudaError_t CudaCall::Refuse(cudaError_t error, const std::string& text) {
  Diagnose(text);
  return Fail(error);
}

cudaError_t CudaCall::Answer(bool ready) {
  if (!CountQuery(!ready)) return Fail(cudaErrorLaunchTimeout);
  // "Not ready" is an error like others to the next cudaGetLastError.
  if (!ready) ThisCudaThread().last_error = cudaErrorNotReady;
  return ready ? cudaSuccess : cudaErrorNotReady;
}

FakeStream* CudaCall::Find(cudaStream_t handle) {
  if (error_ != cudaSuccess) return nullptr;
  if (handle == nullptr || handle == cudaStreamLegacy ||
      handle == cudaStreamPerThread) {
    for (const auto& capture : device().captures) {
      if (!capture->ended) capture->spoiled = true;
    }
    Refuse(cudaErrorInvalidResourceHandle,
           "a default stream, which other libraries use too and which waits "
           "for all other streams");
    return nullptr;
  }
  FakeStream* stream = Known(machine(), &FakeDevice::streams, handle);
  if (stream == nullptr) {
    Refuse(cudaErrorInvalidResourceHandle, "a handle that is no stream");
  } else if (&stream->device() != &device()) {
    Refuse(cudaErrorInvalidResourceHandle,
           absl::StrCat(stream->name(), " of rank ", stream->device().rank));
  } else if (stream->destroyed()) {
    Refuse(cudaErrorInvalidResourceHandle,
           absl::StrCat(stream->name(), ", which was destroyed"));
  } else {
    if (stream->library_has_work()) {
      Diagnose(absl::StrCat(
          stream->name(),
          " is used while a communicator is still in progress: what was "
          "launched on it is not there yet (poll CommGetAsyncError first)"));
    }
    return stream;
  }
  return nullptr;
}

FakeEvent* CudaCall::Find(cudaEvent_t handle) {
  if (error_ != cudaSuccess) return nullptr;
  FakeEvent* event = Known(machine(), &FakeDevice::events, handle);
  if (event == nullptr) {
    Refuse(cudaErrorInvalidResourceHandle, "a handle that is no event");
  } else if (event->device != &device()) {
    Refuse(cudaErrorInvalidResourceHandle,
           absl::StrCat(event->name, " of rank ", event->device->rank));
  } else if (event->destroyed) {
    Refuse(cudaErrorInvalidResourceHandle,
           absl::StrCat(event->name, ", which was destroyed"));
  } else {
    return event;
  }
  return nullptr;
}

}  // namespace parley::fakes
