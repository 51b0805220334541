// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/completion.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "parley/base/status_macros.h"
#include "parley/comm/arguments.h"
#include "parley/sim/engine.h"
#include "parley/sim/stream.h"

namespace parley::sim {

void Completion::Unref() {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    pool_.Return(this);
  }
}

absl::Status Completion::Wait(Stream& stream) {
  PARLEY_RETURN_IF_ERROR(CheckStream("Work::Wait", *rank_.device, stream));
  static_cast<SimStream&>(stream).state().Wait(this);
  return absl::OkStatus();
}

bool Completion::IsDone() {
  if (done_) return true;
  // What happened up to the caller's own time is known only once all others
  // have come that far.
  SimThread& thread = rank_.Caller();
  thread.waits_for = [] { return "tests an operation"; };
  rank_.engine.scheduler().Park(thread, thread.now_ns);
  return done_;
}

absl::Status Completion::WaitHost(absl::Duration timeout) {
  SimThread& thread = rank_.Caller();
  if (!done_) {
    const int64_t deadline_ns =
        DeadlineAfter(thread.now_ns, TimeoutNs(timeout));
    hosts_.push_back(&thread);
    thread.waits_for = [this] { return DescribeWait(); };
    rank_.engine.scheduler().Park(thread, deadline_ns);
    if (!done_) {
      hosts_.erase(std::find(hosts_.begin(), hosts_.end(), &thread));
      if (thread.cancelled) return rank_.CancelledStatus();
      return absl::DeadlineExceededError(absl::StrCat(
          "after ", absl::FormatDuration(timeout), " still ", DescribeWait()));
    }
  }
  thread.now_ns = std::max(thread.now_ns, time_ns_);
  return status_;
}

std::string Completion::DescribeWait() const {
  return operation_ == nullptr ? "waits for a stream"
                               : operation_->DescribeWait(rank_);
}

void Completion::Resolve(int64_t time_ns, const absl::Status& status) {
  done_ = true;
  time_ns_ = time_ns;
  status_ = status;
  operation_ = nullptr;
  for (SimThread* thread : hosts_) rank_.engine.scheduler().Wake(*thread);
  hosts_.clear();
  for (StreamState* stream : streams_) rank_.engine.Ready(stream);
  streams_.clear();
}

Completion* CompletionPool::Take() {
  MutexLock lock(&mutex_);
  if (free_.empty()) {
    all_.push_back(std::make_unique<Completion>(*this, rank_));
    free_.push_back(all_.back().get());
    free_.reserve(all_.capacity());
  }
  Completion* completion = free_.back();
  free_.pop_back();
  completion->references_.store(1, std::memory_order_relaxed);
  completion->done_ = false;
  completion->operation_ = nullptr;
  completion->status_ = absl::OkStatus();
  return completion;
}

void CompletionPool::Return(Completion* completion) {
  MutexLock lock(&mutex_);
  free_.push_back(completion);
}

}  // namespace parley::sim
