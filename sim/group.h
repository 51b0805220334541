// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Group: the ranks of one communicator and the operations that they have called
// on it. It matches the calls by their sequence, decides when an operation
// starts and ends, and who learns of a failure.
//
// Thread-safety: posted() by the members, each its own; all else by the
// scheduler, while nothing runs.
#ifndef PARLEY_SIM_GROUP_H_
#define PARLEY_SIM_GROUP_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "parley/base/mutex.h"
#include "parley/sim/operation.h"
#include "parley/sim/ring_queue.h"

namespace parley::sim {

class Engine;
class SimCommunicator;

// One rank's wish to abort, which takes effect in its virtual time.
class AbortRequest final : public EventTarget {
 public:
  AbortRequest(Group& group, int member) : group_(group), member_(member) {}

  // By any thread; the first reason stands. False if there was one before.
  bool Set(const absl::Status& reason);
  absl::Status reason();

  void OnEvent(int64_t time_ns, uint64_t tag) override;

 private:
  Group& group_;
  const int member_;
  Mutex mutex_;
  absl::Status reason_ ABSL_GUARDED_BY(mutex_);
};

class Group {
 public:
  // `members` are ranks of the world, ascending. `parent` is null for the root.
  Group(Engine& engine, int id, std::vector<int> members, Group* parent);

  Engine& engine() { return engine_; }
  int id() const { return id_; }
  int size() const { return static_cast<int>(members_.size()); }
  const std::vector<int>& members() const { return members_; }

  // The member's place, -1 for others.
  int MemberOf(int world_rank) const;

  AbortRequest& abort_request(int member) { return *abort_requests_[member]; }

  // How many operations a member has called. Written by that member.
  uint64_t& posted(int member) { return posted_[member]; }

  // Whose aborted() flag a failure sets; null when it goes.
  void SetCommunicator(int member, SimCommunicator* communicator);

  // " of {2,3}", empty for the root.
  std::string Suffix() const;

  const absl::Status& failure() const { return failure_; }

  // A member's stream has come to its call.
  void Arrive(Entry* entry);
  // A member's call will not happen: its stream had failed.
  void Drop(Entry* entry, const absl::Status& reason);

  // The two events of an operation.
  void Complete(Operation* operation);
  void DeadlinePassed(Operation* operation);

  // A member has returned: fails what can never happen.
  void Leave(int member, const std::string& how);
  // A member has died, or has aborted and may still come to a Shrink: fails
  // everything. Its own operations end with `own`, those of the others with
  // kUnavailable; `lost` are the members that this tells to be lost.
  void Lose(int member, bool dead, const absl::Status& own,
            const std::string& how, absl::Span<const int> lost);
  // Fails everything with one status.
  void Fail(const absl::Status& status);

 private:
  Operation* Find(Entry* entry);
  Operation* FindShrink(Entry* entry);
  Operation* NewOperation(const Entry& entry, uint64_t sequence);
  void Recycle(Operation* operation);
  void CheckGone(Operation* operation);
  void ScheduleReady();
  void Schedule(Operation* operation);
  void FinishShrink(Operation* operation, const absl::Status& status);
  void Finish(Operation* operation, const absl::Status& status);
  void FailExcept(const absl::Status& status, int member,
                  const absl::Status& own);
  absl::Status Verify(Operation* operation);
  absl::Status MakeSplitGroups(Operation* operation);
  void MakeShrunkGroup(Operation* operation);
  Group* MakeGroup(const std::vector<int>& member_indices);

  Engine& engine_;
  const int id_;
  const std::vector<int> members_;
  Group* const parent_;
  std::vector<uint64_t> posted_;
  std::vector<std::unique_ptr<AbortRequest>> abort_requests_;
  std::vector<SimCommunicator*> communicators_;
  std::vector<std::string> gone_;  // how a member went; empty: it is here
  std::vector<bool> dead_;         // of those gone, who will never call again
  std::vector<Group*> children_;

  RingQueue<Operation*> operations_;  // from first_sequence_ on
  uint64_t first_sequence_ = 0;
  size_t num_scheduled_ = 0;  // of those in the queue
  int64_t busy_until_ns_ = 0;
  std::vector<Operation*> shrinks_;
  absl::Status failure_;

  std::vector<std::unique_ptr<Operation>> all_;
  std::vector<Operation*> free_;
};

}  // namespace parley::sim

#endif  // PARLEY_SIM_GROUP_H_
