// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// CudaDevice: one GPU as a Device, with its streams and events. It calls CUDA
// through a CudaApi and launches kernels through CudaKernels, so that tests put
// both on a host.
//
//   PARLEY_ASSIGN_OR_RETURN(
//       std::unique_ptr<CudaDevice> device,
//       CudaDevice::Create(RuntimeCudaApi(), RuntimeCudaKernels(), 0));
//   PARLEY_ASSIGN_OR_RETURN(std::unique_ptr<CudaStream> stream,
//                           device->WrapStream(the_frameworks_stream));
//   PARLEY_RETURN_IF_ERROR(device->Mean(args, *stream));
//
// A device neither synchronises the GPU nor gives memory back to CUDA before it
// is destroyed, and leaves the calling thread's current device as it was. It
// must outlive its streams, events and memory, and all work that was enqueued
// on them.
//
// What host_visible_allocator() gives is pinned memory, which the device
// reaches under the same address; FingerprintArgs::sum must be such memory.
//
// Failures: as Stream says, of an operation that could not be launched nothing
// is known before WaitHost(). What CUDA's errors become is said in
// cuda_status.h.
//
// Thread-safety: CudaDevice is thread-safe; a CudaStream or a CudaEvent is used
// by one thread at a time, whichever.
#ifndef PARLEY_DEVICE_CUDA_CUDA_DEVICE_H_
#define PARLEY_DEVICE_CUDA_CUDA_DEVICE_H_

#include <cuda_runtime_api.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "parley/base/clock.h"
#include "parley/base/mutex.h"
#include "parley/device/cuda/caching_allocator.h"
#include "parley/device/cuda/cuda_api.h"
#include "parley/device/cuda/cuda_kernels.h"
#include "parley/device/cuda/grid.h"
#include "parley/device/cuda/stream_gate.h"
#include "parley/device/device.h"

namespace parley {

class CudaDevice;

// An event without timing, from the device's pool.
class CudaEvent : public Event {
 public:
  ~CudaEvent() override;

  // Null if CUDA had no event to give, see CudaDevice::CreateEvent().
  cudaEvent_t handle() const { return handle_; }

  // Whether what the event stands for is done; true if it stands for nothing;
  // the failure of the stream that recorded it. Does not disturb captures of
  // other threads.
  absl::StatusOr<bool> IsDone();

 private:
  friend class CudaDevice;
  friend class CudaStream;
  CudaEvent(CudaDevice& device, cudaEvent_t handle, absl::Status failure);

  CudaDevice& device_;
  const cudaEvent_t handle_;
  absl::Status failure_;  // of the stream that recorded it, or why no handle
  bool recorded_ = false;
};

class CudaStream : public Stream {
 public:
  // Does not wait for the stream's work. A graph captured on the stream may be
  // launched as long as the CudaStream lives; on this stream, or in order with
  // it, since they use the same scratch memory. One that goes during its own
  // capture leaves that memory to the graph. What fails on a stream keeps the
  // kernels that were captured on it from running, and no others.
  ~CudaStream() override;

  Device& device() override;
  cudaStream_t handle() const { return handle_; }

  // The event must be a CudaEvent. It carries the stream's failure, if there is
  // one, to the streams that wait for it.
  void Record(Event& event) override;
  void Wait(Event& event) override;

  // Asks the stream again and again, at intervals that grow from 10
  // microseconds to 1 millisecond. kFailedPrecondition while the stream is
  // being captured.
  absl::Status WaitHost(absl::Duration timeout) override;

  // What the next WaitHost() returns unless it is OK: the first failure since
  // the last one. What is enqueued meanwhile does not run.
  const absl::Status& failure() const { return failure_; }

  // For whoever enqueues on handle(): reports a failure there. The first one
  // counts.
  void Fail(absl::Status failure);

  // For operations that fail after they were enqueued; outlives the stream.
  const std::shared_ptr<StreamGate>& gate() const { return scratch_.gate; }

 private:
  friend class CudaDevice;
  // Memory that only this stream's kernels use, and when they are done with it.
  struct Scratch {
    uint64_t* words = nullptr;
    int64_t* gate_word = nullptr;
    std::shared_ptr<StreamGate> gate;
    cudaEvent_t done = nullptr;
  };
  CudaStream(CudaDevice& device, cudaStream_t handle, bool owned,
             Scratch scratch);

  // OK once the stream's work is done.
  absl::Status Poll(absl::Duration timeout);

  CudaDevice& device_;
  const cudaStream_t handle_;
  const bool owned_;
  const Scratch scratch_;
  absl::Status failure_;
};

class CudaDevice : public Device {
 public:
  // The device that CUDA numbers `index`, with all kernels loaded. The tables
  // and the clock must outlive it. kUnavailable, with CUDA's words, where there
  // is no driver or no GPU; kInvalidArgument for an index that there is not;
  // kUnimplemented for a GPU that the kernels are not built for.
  static absl::StatusOr<std::unique_ptr<CudaDevice>> Create(
      const CudaApi& api, const CudaKernels& kernels, int index,
      Clock& clock = SteadyClock());
  ~CudaDevice() override;

  DeviceId id() const override { return {DeviceKind::kCuda, index_}; }
  Allocator& host_visible_allocator() override { return pinned_; }
  Allocator& allocator() override { return memory_; }
  // A CudaStream, which does not wait for CUDA's default stream.
  absl::StatusOr<std::unique_ptr<Stream>> CreateStream() override;
  // A CudaEvent. Should CUDA have none to give, a stream that records it fails.
  std::unique_ptr<Event> CreateEvent() override;
  int64_t preferred_bucket_bytes() const override { return 32 << 20; }

  absl::Status Mean(const MeanArgs& args, Stream& stream) override;
  absl::Status Copy(const CopyArgs& args, Stream& stream) override;
  absl::Status Elementwise(const ElementwiseArgs& args,
                           Stream& stream) override;
  absl::Status Fingerprint(const FingerprintArgs& args,
                           Stream& stream) override;

  // The same, by their own types.
  absl::StatusOr<std::unique_ptr<CudaStream>> CreateCudaStream();
  absl::StatusOr<std::unique_ptr<CudaEvent>> CreateCudaEvent();

  // A stream of the caller's, which must be of this device and outlive what is
  // returned.
  absl::StatusOr<std::unique_ptr<CudaStream>> WrapStream(cudaStream_t handle);

  // From now on nothing is given back to CUDA, not even in the end: a kernel
  // hangs, behind which that would wait for ever. WaitHost() of streams whose
  // gate is closed returns at once.
  void Abandon();

  const CudaApi& api() const { return api_; }
  int index() const { return index_; }
  Clock& clock() { return clock_; }

 private:
  friend class CudaEvent;
  friend class CudaStream;

  CudaDevice(const CudaApi& api, const CudaKernels& kernels, int index,
             int multiprocessors, Clock& clock);

  // "cuda:3: Mean", for messages.
  std::string Named(absl::string_view operation) const;

  absl::StatusOr<std::unique_ptr<CudaStream>> MakeStream(cudaStream_t handle,
                                                         bool owned);
  absl::Status CheckStream(absl::string_view kernel, Stream& stream);
  // Calls launch(settings, stream's handle) with this device as the current
  // one. What fails there fails the stream; returns OK. Requires CheckStream().
  template <typename Function>
  absl::Status Launch(absl::string_view kernel, Stream& stream,
                      const Function& launch);

  absl::StatusOr<cudaEvent_t> TakeEvent() ABSL_LOCKS_EXCLUDED(mutex_);
  void ReturnEvent(cudaEvent_t event) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<CudaStream::Scratch> TakeScratch() ABSL_LOCKS_EXCLUDED(mutex_);
  // Once the work on `stream` is done.
  void ReturnScratch(const CudaStream::Scratch& scratch, cudaStream_t stream)
      ABSL_LOCKS_EXCLUDED(mutex_);

  const CudaApi& api_;
  const CudaKernels& kernels_;
  const int index_;
  const int multiprocessors_;
  Clock& clock_;
  std::atomic<bool> abandoned_{false};
  CachingAllocator memory_;
  CachingAllocator pinned_;
  Mutex mutex_;
  std::vector<cudaEvent_t> events_ ABSL_GUARDED_BY(mutex_);
  std::vector<CudaStream::Scratch> scratches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_CUDA_DEVICE_H_
