// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Device, Stream, Event and Allocator: where tensors live and how work on them
// is ordered. Everything above this floor is written against these classes and
// runs unchanged on CPUs, on GPUs and in the simulator.
//
// A stream is an ordered queue of work on every device. Enqueueing never
// blocks; work behind a failed operation on its stream does not run, and the
// failure is what Stream::WaitHost() returns.
//
//   PARLEY_ASSIGN_OR_RETURN(std::unique_ptr<Stream> stream,
//                           device.CreateStream());
//   PARLEY_RETURN_IF_ERROR(device.Copy(copy, *stream));
//   PARLEY_RETURN_IF_ERROR(device.Mean(mean, *stream));
//   PARLEY_RETURN_IF_ERROR(stream->WaitHost(absl::InfiniteDuration()));
//
// Thread-safety: Device and Allocator are thread-safe. A Stream or an Event is
// used by one thread at a time.
#ifndef PARLEY_DEVICE_DEVICE_H_
#define PARLEY_DEVICE_DEVICE_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "parley/device/kernels/arguments.h"
#include "parley/device/tensor.h"

namespace parley {

class Device;

// A point in a stream's work, see Stream::Record.
class Event {
 public:
  virtual ~Event() = default;
};

class Stream {
 public:
  virtual ~Stream() = default;

  virtual Device& device() = 0;

  // Makes `event` stand for all work enqueued on this stream so far. May be
  // called again: the event then stands for the newer point.
  virtual void Record(Event& event) = 0;

  // Makes work enqueued from now on wait for what `event` stands for. An event
  // that was never recorded stands for nothing.
  virtual void Wait(Event& event) = 0;

  // Blocks the calling thread until all enqueued work is done, at most
  // `timeout` (kDeadlineExceeded). Returns the first failure of an operation on
  // this stream since the last call, after which the stream is usable again.
  virtual absl::Status WaitHost(absl::Duration timeout) = 0;
};

// Where extra memory comes from. Users may supply their own.
class Allocator {
 public:
  virtual ~Allocator() = default;

  // At least `bytes` bytes, aligned to kAlignment; null if there are none.
  virtual void* Allocate(int64_t bytes) = 0;

  // Takes back what Allocate(bytes) returned. Null is ignored.
  virtual void Deallocate(void* memory, int64_t bytes) = 0;

  static constexpr int64_t kAlignment = 128;
};

// Memory with an owner.
class Allocation {
 public:
  Allocation() = default;
  // kResourceExhausted, with the size, if there is no memory.
  static absl::StatusOr<Allocation> Create(Allocator& allocator, int64_t bytes);
  Allocation(Allocation&& other) noexcept;
  Allocation& operator=(Allocation&& other) noexcept;
  ~Allocation();

  void* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

 private:
  Allocator* allocator_ = nullptr;
  void* data_ = nullptr;
  int64_t bytes_ = 0;
};

class Device {
 public:
  virtual ~Device() = default;

  virtual DeviceId id() const = 0;

  // Memory on this device that the host can also read and write: what a
  // meeting's header travels in. On CPUs, the ordinary heap.
  virtual Allocator& host_visible_allocator() = 0;

  // Memory on this device.
  virtual Allocator& allocator() = 0;

  virtual absl::StatusOr<std::unique_ptr<Stream>> CreateStream() = 0;
  virtual std::unique_ptr<Event> CreateEvent() = 0;

  // The bucket size at which this device is fast: on CPUs what stays in a
  // core's cache, on GPUs what hides the latency of launches.
  virtual int64_t preferred_bucket_bytes() const = 0;

  // The kernels. Each enqueues on `stream`, which must be of this device, and
  // returns kInvalidArgument for arguments that device/kernels/arguments.h does
  // not allow. What an argument struct points to (lists, tensors, results)
  // must live until the work is done.
  virtual absl::Status Mean(const MeanArgs& args, Stream& stream) = 0;
  virtual absl::Status Copy(const CopyArgs& args, Stream& stream) = 0;
  virtual absl::Status Elementwise(const ElementwiseArgs& args,
                                   Stream& stream) = 0;
  virtual absl::Status Fingerprint(const FingerprintArgs& args,
                                   Stream& stream) = 0;
};

}  // namespace parley

#endif  // PARLEY_DEVICE_DEVICE_H_
