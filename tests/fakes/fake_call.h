// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What all entry points of the fakes' tables begin with: who calls, at what
// time, and may they.
//
//   cudaError_t StreamQuery(cudaStream_t handle) {
//     CudaCall call("cudaStreamQuery");
//     FakeStream* stream = call.Find(handle);
//     if (stream == nullptr) return call.error();
//     ...
//   }
#ifndef PARLEY_TESTS_FAKES_FAKE_CALL_H_
#define PARLEY_TESTS_FAKES_FAKE_CALL_H_

#include <cuda_runtime_api.h>

#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "parley/tests/fakes/fake_machine.h"

namespace parley::fakes {

// The calling thread's state inside CUDA. The current device of a new thread is
// device 0, whatever its rank: who forgets SetDevice is found.
struct CudaThread {
  int device = 0;
  cudaError_t last_error = cudaSuccess;
  cudaStreamCaptureMode capture_mode = cudaStreamCaptureModeGlobal;
};
CudaThread& ThisCudaThread();

// Holds the machine's lock.
class Call {
 public:
  explicit Call(const char* name);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  FakeMachine& machine() { return machine_; }
  // Of the calling rank, or the current one of a thread that has no rank.
  FakeDevice& device() { return *device_; }
  // Null for a thread that the scheduler does not know.
  sim::SimThread* thread() { return thread_; }
  int64_t now_ns() const;
  const char* name() const { return name_; }

  void Diagnose(const std::string& text);

  // Whether the call comes from a rank or an actor; a diagnosis if not.
  bool HasThread();

  // Whether the current device is the rank's; a diagnosis if not.
  bool HasDevice();

  // Releases the lock, parks until `ended` holds after an event that wakes the
  // thread, and takes the lock again. False if the wait was cancelled.
  bool WaitUntil(const std::function<bool()>& ended, const std::string& what);

  // Polling costs time, so that a loop of queries ends. False if it has gone on
  // for so long that nothing will happen any more.
  bool CountQuery(bool futile);

  // The machine's lock: a call holds it from beginning to end, but for waits.
  void Unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS;
  void Lock() ABSL_NO_THREAD_SAFETY_ANALYSIS;

 private:
  const char* const name_;
  FakeMachine& machine_;
  sim::SimThread* const thread_;
  FakeDevice* device_;
};

class CudaCall : public Call {
 public:
  explicit CudaCall(const char* name);

  // Ok, or why nothing on this device works any more.
  cudaError_t error() const { return error_; }

  // The object behind a handle; on null, error() says what to return.
  FakeStream* Find(cudaStream_t handle);
  FakeEvent* Find(cudaEvent_t handle);

  // Records a diagnosis and the thread's last error, and returns `error`.
  cudaError_t Refuse(cudaError_t error, const std::string& text);

  // As Refuse, for what a correct program may meet.
  cudaError_t Fail(cudaError_t error);

  // Answers a query.
  cudaError_t Answer(bool ready);

 private:
  cudaError_t error_ = cudaSuccess;
};

}  // namespace parley::fakes

#endif  // PARLEY_TESTS_FAKES_FAKE_CALL_H_
