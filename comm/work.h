// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Work: a handle on an asynchronous operation of a Communicator.
//
//   PARLEY_ASSIGN_OR_RETURN(Work work, comm.AllReduce(in, out, op, stream));
//   ...                                        // the host goes on
//   PARLEY_RETURN_IF_ERROR(work.WaitHost(absl::Seconds(30)));
//
// The operation is ordered on the stream that it was given, whether or not
// anyone keeps the handle. Dropping a handle does not cancel anything.
//
// Thread-safety: a Work is a value, used by one thread at a time; copies of it
// may be used by different threads.
#ifndef PARLEY_COMM_WORK_H_
#define PARLEY_COMM_WORK_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "parley/device/device.h"

namespace parley {

// What a backend implements. Counted by its handles, so that a backend can take
// it from a pool and a steady state allocates nothing.
class WorkState {
 public:
  virtual void Ref() = 0;
  virtual void Unref() = 0;
  virtual absl::Status Wait(Stream& stream) = 0;
  virtual absl::Status WaitHost(absl::Duration timeout) = 0;
  virtual bool IsDone() = 0;

 protected:
  ~WorkState() = default;
};

class Work {
 public:
  // An operation that is done and succeeded.
  Work() = default;

  // Takes over one reference of `state`.
  explicit Work(WorkState* state) : state_(state) {}

  Work(const Work& other) : state_(other.state_) {
    if (state_ != nullptr) state_->Ref();
  }
  Work(Work&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Work& operator=(Work other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Work() {
    if (state_ != nullptr) state_->Unref();
  }

  // Makes work enqueued on `stream` from now on wait for this operation. Never
  // blocks the host. kInvalidArgument for a stream of another device than the
  // communicator's, which then waits for nothing; what becomes of the operation
  // is told by `stream` and by WaitHost().
  absl::Status Wait(Stream& stream) {
    return state_ == nullptr ? absl::OkStatus() : state_->Wait(stream);
  }

  // Blocks until the operation is complete, at most `timeout`. Returns its
  // outcome, remote failures included (docs/communicator.md has the table), or
  // kDeadlineExceeded, naming the ranks that had not arrived.
  absl::Status WaitHost(absl::Duration timeout = absl::InfiniteDuration()) {
    return state_ == nullptr ? absl::OkStatus() : state_->WaitHost(timeout);
  }

  // Whether WaitHost() would return without blocking.
  bool IsDone() { return state_ == nullptr || state_->IsDone(); }

 private:
  WorkState* state_ = nullptr;
};

}  // namespace parley

#endif  // PARLEY_COMM_WORK_H_
