// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Engine: one run of a world. It ties the scheduler to the groups, streams and
// ranks, keeps the trace and the accounts, and lets faults strike.
//
// Thread-safety: what a comment marks [rank] is called by the rank's threads
// while they run; all else by the scheduler, while nothing runs.
#ifndef PARLEY_SIM_ENGINE_H_
#define PARLEY_SIM_ENGINE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "parley/device/device.h"
#include "parley/sim/completion.h"
#include "parley/sim/cost_model.h"
#include "parley/sim/group.h"
#include "parley/sim/options.h"
#include "parley/sim/report.h"
#include "parley/sim/scheduler.h"
#include "parley/sim/stream.h"
#include "parley/sim/worker_pool.h"

namespace parley::sim {

class Engine;

// absl::Duration as nanoseconds, kNever for what does not fit.
int64_t TimeoutNs(absl::Duration timeout);

// Everything of one rank.
struct RankState final : public EventTarget {
  RankState(Engine& engine, int index);

  // [rank] The thread that is calling: the rank's, one of its actors, or a
  // thread of the user's, which acts in the rank's name.
  SimThread& Caller() {
    SimThread* current = Scheduler::Current();
    return current == nullptr ? *thread : *current;
  }

  // [rank] An entry from the pool; it goes back when its operation has ended.
  Entry* TakeEntry();
  void ReturnEntry(Entry* entry);

  // [rank] A stream that lives to the end of the run.
  StreamState& NewStream();

  // What a wait returns that ended because nothing else could be done.
  absl::Status CancelledStatus() const;

  // The rank's thread has come to its end: tag kLeft. Or a fault strikes:
  // kCrash, kHang.
  static constexpr uint64_t kLeft = 0;
  static constexpr uint64_t kCrash = 1;
  static constexpr uint64_t kHang = 2;
  void OnEvent(int64_t time_ns, uint64_t tag) override;

  Engine& engine;
  const int index;
  SimThread* thread = nullptr;
  CompletionPool completions;
  SimClock* clock = nullptr;
  Device* device = nullptr;  // whose streams are the rank's
  RankReport report;
  absl::Status fate;  // an error once a fault has struck
  int percent = 100;  // of the time that Compute() is asked for

 private:
  void Crash();

  Mutex mutex_;
  std::vector<std::unique_ptr<Entry>> entries_ ABSL_GUARDED_BY(mutex_);
  std::vector<Entry*> free_entries_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<StreamState>> streams_ ABSL_GUARDED_BY(mutex_);
};

class Engine {
 public:
  explicit Engine(const WorldOptions& options);
  ~Engine();

  const WorldOptions& options() const { return options_; }
  const CostModel& cost() const { return cost_; }
  Scheduler& scheduler() { return scheduler_; }
  WorkerPool& pool() { return pool_; }
  int64_t now_ns() const { return scheduler_.now_ns(); }
  RankState& rank(int index) { return *ranks_[index]; }
  Group& root() { return *groups_.front(); }
  const absl::Status& deadlock() const { return deadlock_; }
  uint64_t trace_hash() const { return trace_hash_; }
  bool any_operation() const { return any_operation_; }

  Group* NewGroup(std::vector<int> members, Group* parent);

  // Lets the scripted faults be events.
  void ScheduleFaults();

  // A stream may have something to do. Pump() lets all of those go on.
  void Ready(StreamState* stream) {
    // Named twice, it would run on two threads.
    if (stream->listed()) return;
    stream->set_listed(true);
    ready_.push_back(stream);
  }
  void Pump();

  void Arrive(Entry* entry) { entry->group->Arrive(entry); }
  void Drop(Entry* entry, const absl::Status& reason) {
    entry->group->Drop(entry, reason);
  }

  // How long an operation takes whose ranks have all arrived.
  int64_t CostOf(const Operation& operation) const;

  // Enters an operation that succeeded into trace and accounts.
  void Account(const Operation& operation);

  // Ends one rank's part of an operation and takes the entry back.
  void FinishEntry(Entry* entry, int64_t time_ns, const absl::Status& status);

  // All groups that a rank is in.
  template <typename Visit>
  void ForEachGroupOf(int rank, const Visit& visit) {
    for (size_t i = 0; i < groups_.size(); ++i) {
      const int member = groups_[i]->MemberOf(rank);
      if (member >= 0) visit(*groups_[i], member);
    }
  }

  void Trace(uint64_t value);

 private:
  void RunTasks(const std::vector<StreamState*>& streams);
  void OnDeadlock(const absl::Status& status);

  const WorldOptions options_;
  const CostModel cost_;
  Scheduler scheduler_;
  WorkerPool pool_;
  std::vector<std::unique_ptr<RankState>> ranks_;
  std::vector<std::unique_ptr<Group>> groups_;
  std::vector<StreamState*> ready_;
  std::vector<StreamState*> current_;
  bool pumping_ = false;
  bool any_operation_ = false;
  absl::Status deadlock_;
  uint64_t trace_hash_;
};

}  // namespace parley::sim

#endif  // PARLEY_SIM_ENGINE_H_
