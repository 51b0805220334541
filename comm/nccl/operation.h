// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Operation: one collective of a communicator on a stream, from the call to its
// end, and what a Work points to. The caller's thread fills it in, the owner
// enqueues it (enqueue.h), the watchdog follows it (watchdog.h), and whoever
// waits asks its end event.
//
// Phases: kCalled -> kEnqueued -> kDone, or from either of the first two ->
// kFailing -> kFailed, or kCalled -> kCaptured. An operation is done once
// somebody saw its end event before the communicator's abort began: afterwards
// the event tells nothing, since an abort ends kernels without their work done.
//
// Thread-safety: the methods of WorkState, from any thread; fields as they say.
#ifndef PARLEY_COMM_NCCL_OPERATION_H_
#define PARLEY_COMM_NCCL_OPERATION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "parley/base/mutex.h"
#include "parley/comm/nccl/flight_recorder.h"
#include "parley/comm/nccl/owner.h"
#include "parley/comm/work.h"
#include "parley/device/cuda/cuda_device.h"
#include "parley/device/cuda/stream_gate.h"

namespace parley::nccl {

class Group;

enum class OpKind : uint8_t {
  kConnect,  // the first operation of every communicator, by itself
  kAllToAll,
  kAllGather,
  kBroadcast,
  kAllReduce,
  kBarrier,
  kSplit,
};

// "AllReduce".
absl::string_view Name(OpKind kind);

// One entry of the caller's lists; `count` is that of the whole tensor, which
// is the same on all ranks.
struct Piece {
  const void* send;
  void* recv;
  int64_t count;
  DType dtype;
};

class Operation final : public WorkState, public Request {
 public:
  enum class Phase : uint8_t {
    kCalled,
    kEnqueued,
    kDone,
    kFailing,
    kFailed,
    kCaptured,
  };

  Operation(std::unique_ptr<CudaEvent> start, std::unique_ptr<CudaEvent> end)
      : start_(std::move(start)), end_(std::move(end)) {}

  // Makes it ready for a new call, with one reference.
  void Renew(std::shared_ptr<Group> group, OpKind kind);

  // WorkState and Request.
  void Ref() override { refs_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() override;
  absl::Status Wait(Stream& stream) override;
  absl::Status WaitHost(absl::Duration timeout) override;
  bool IsDone() override;
  void Execute() override;

  // "AllReduce #17 float32[8] of world".
  std::string ToString() const;

  Phase phase() const { return phase_.load(std::memory_order_acquire); }
  bool ended() const {
    const Phase now = phase();
    return now == Phase::kDone || now == Phase::kFailed ||
           now == Phase::kCaptured;
  }

  // If it is enqueued and its end event is complete, makes it kDone. Returns
  // whether it is kDone; an error of CUDA's otherwise.
  absl::StatusOr<bool> LookAtEnd();

  // By the owner.
  void SetEnqueued() { Exchange(Phase::kCalled, Phase::kEnqueued); }
  void SetCaptured() { Exchange(Phase::kCalled, Phase::kCaptured); }
  // Unless it is done; work behind it on its stream shall not run.
  void SetFailing(const absl::Status& status);
  void SetFailed(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  Group& group() { return *group_; }
  CudaEvent& start() { return *start_; }
  CudaEvent& end() { return *end_; }

  // Set by the caller before Submit(), constant afterwards.
  OpKind kind = OpKind::kBarrier;
  ReduceOp reduce = ReduceOp::kSum;
  int root = 0;
  std::vector<Piece> pieces;
  CudaStream* stream = nullptr;  // touched only while the caller waits
  cudaStream_t stream_handle = nullptr;
  std::shared_ptr<StreamGate> gate;  // of the stream
  int64_t ticket = 0;                // from it
  absl::Status before;               // what failed on the stream earlier
  int64_t sequence = 0;
  int64_t called_ns = 0;
  int64_t timeout_ns = 0;
  FlightRecorder::Operation record;
  int64_t flight_id = 0;

  // The owner's.
  int64_t started_ns = kNever;

 private:
  bool Exchange(Phase from, Phase to) {
    return phase_.compare_exchange_strong(from, to, std::memory_order_acq_rel);
  }
  absl::Status Outcome() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status StillUnderWay(absl::Duration timeout);

  const std::unique_ptr<CudaEvent> start_;
  const std::unique_ptr<CudaEvent> end_;
  std::shared_ptr<Group> group_;
  std::atomic<int> refs_{0};
  std::atomic<Phase> phase_{Phase::kCalled};
  Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

// Operations that nobody holds, so that a steady state takes no memory and no
// events.
//
// Thread-safety: thread-safe.
class OperationPool {
 public:
  explicit OperationPool(CudaDevice& device) : device_(device) {}

  // With one reference. Fails where CUDA has no events.
  absl::StatusOr<Operation*> Take(std::shared_ptr<Group> group, OpKind kind)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Return(Operation* operation) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  CudaDevice& device_;
  Mutex mutex_;
  std::vector<std::unique_ptr<Operation>> free_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace parley::nccl

#endif  // PARLEY_COMM_NCCL_OPERATION_H_
