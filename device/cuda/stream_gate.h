// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// StreamGate: keeps work behind a failed operation of a stream from running.
// CUDA knows no such thing: when a collective is aborted its kernel ends, and
// what was enqueued behind it runs on what it left. So every operation and
// kernel that is enqueued takes a ticket, and a kernel whose ticket is not
// below the gate's word does nothing. Operations close the gate before they are
// aborted, so the threads of a kernel behind them all see the same.
//
//   const int64_t ticket = gate->Take();         // of an operation
//   gate->Close(ticket, status);                 // it is about to be ended
//   ncclCommAbort(comm);
//   gate->Settle(status);                        // it has ended
//
// The word is in pinned memory, so that both sides reach it. It works along one
// stream: events do not carry it to others.
//
// A kernel that is captured into a graph has no place among what is enqueued:
// the graph is launched later, and again. It runs while the gate is open, and
// not while it is closed, even where the launch is in front of what failed; one
// that is running as the gate closes may do a part of its work.
//
// Thread-safety: thread-safe.
#ifndef PARLEY_DEVICE_CUDA_STREAM_GATE_H_
#define PARLEY_DEVICE_CUDA_STREAM_GATE_H_

#include <atomic>
#include <cstdint>
#include <limits>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "parley/base/mutex.h"
#include "parley/device/cuda/grid.h"

namespace parley {

class StreamGate {
 public:
  // Open. `word` must be kept while kernels with tickets may run, and until
  // Detach().
  explicit StreamGate(int64_t* word);

  // The number of what is enqueued next.
  int64_t Take() { return next_.fetch_add(1, std::memory_order_relaxed); }

  // The same, for a kernel.
  StreamTicket TakeForKernel() { return {word_, Take()}; }

  // The same, for a kernel that is captured.
  StreamTicket TakeForCapture() const { return {word_, kOpen - 1}; }

  // Kernels with this ticket and later ones do not run from now on, nor
  // captured ones. kAll is the ticket of what is in front of all others.
  static constexpr int64_t kAll = 0;
  void Close(int64_t ticket, const absl::Status& why)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // What Close() announced has ended, or never will.
  void Settle(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether something was closed that is not settled.
  bool closing() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Why the gate is closed; OK if it is open.
  absl::Status failure() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Opens the gate unless something is closing, and returns why it was closed:
  // the first failure since it was opened last. Requires that nothing is still
  // enqueued that must not run.
  absl::Status Open() ABSL_LOCKS_EXCLUDED(mutex_);

  // The word is needed for something else.
  void Detach() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // What the word holds then: more than any ticket.
  static constexpr int64_t kOpen = std::numeric_limits<int64_t>::max();

  int64_t* const word_;
  std::atomic<int64_t> next_{0};
  mutable Mutex mutex_;
  bool detached_ ABSL_GUARDED_BY(mutex_) = false;
  int closing_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_STREAM_GATE_H_
