// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Completion: a point in virtual time that may not have come yet: the end of an
// operation, or a recorded event. It is what a Work handle and an Event refer
// to, what streams and host threads wait for, and it comes from a pool, so that
// a steady state allocates nothing.
//
// Thread-safety: references may be counted by any thread. All else is touched
// by the owning rank while it runs and by the scheduler while nothing runs.
#ifndef PARLEY_SIM_COMPLETION_H_
#define PARLEY_SIM_COMPLETION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "parley/base/mutex.h"
#include "parley/comm/work.h"
#include "parley/sim/scheduler.h"

namespace parley::sim {

class CompletionPool;
class StreamState;
struct RankState;

// Who can tell what a completion waits for.
class Describable {
 public:
  // "in AllToAll #4 for rank 2".
  virtual std::string DescribeWait(const RankState& rank) const = 0;

 protected:
  ~Describable() = default;
};

class Completion final : public WorkState {
 public:
  Completion(CompletionPool& pool, RankState& rank) : pool_(pool), rank_(rank) {
    // Which of a pool's completions is waited for changes from meeting to
    // meeting: none of them may be the first to take memory.
    streams_.reserve(1);
    hosts_.reserve(1);
  }

  void Ref() override { references_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() override;
  absl::Status Wait(Stream& stream) override;
  absl::Status WaitHost(absl::Duration timeout) override;
  bool IsDone() override;

  bool done() const { return done_; }
  int64_t time_ns() const { return time_ns_; }
  const absl::Status& status() const { return status_; }
  RankState& rank() { return rank_; }

  // The operation whose end this is; null for an event.
  void set_operation(const Describable* operation) { operation_ = operation; }

  // [event] or by the owner while nothing waits: the point has come.
  void Resolve(int64_t time_ns, const absl::Status& status);

  // `stream` wants to be told.
  void AddWaiter(StreamState* stream) { streams_.push_back(stream); }

 private:
  friend class CompletionPool;

  std::string DescribeWait() const;

  CompletionPool& pool_;
  RankState& rank_;
  std::atomic<int> references_{1};
  bool done_ = false;
  int64_t time_ns_ = 0;
  absl::Status status_;
  const Describable* operation_ = nullptr;
  std::vector<StreamState*> streams_;
  std::vector<SimThread*> hosts_;
};

// Keeps the completions of one rank.
class CompletionPool {
 public:
  explicit CompletionPool(RankState& rank) : rank_(rank) {}

  // A fresh completion with one reference.
  Completion* Take();

 private:
  friend class Completion;
  void Return(Completion* completion);

  RankState& rank_;
  Mutex mutex_;
  std::vector<std::unique_ptr<Completion>> all_ ABSL_GUARDED_BY(mutex_);
  std::vector<Completion*> free_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace parley::sim

#endif  // PARLEY_SIM_COMPLETION_H_
