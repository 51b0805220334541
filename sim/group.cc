// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/group.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "parley/base/with_message.h"
#include "parley/comm/lost_ranks.h"
#include "parley/sim/communicator.h"
#include "parley/sim/engine.h"
#include "parley/sim/stream.h"
#include "parley/sim/transfer.h"

namespace parley::sim {

bool AbortRequest::Set(const absl::Status& reason) {
  MutexLock lock(&mutex_);
  if (!reason_.ok()) return false;
  reason_ = reason;
  return true;
}

absl::Status AbortRequest::reason() {
  MutexLock lock(&mutex_);
  return reason_;
}

void AbortRequest::OnEvent(int64_t, uint64_t) {
  const absl::Status why = reason();
  const std::string how = absl::StrCat("aborted: ", std::string(why.message()));
  group_.Lose(member_, /*dead=*/false, absl::CancelledError(how), how,
              LostRanks(why));
  group_.engine().Pump();
}

Group::Group(Engine& engine, int id, std::vector<int> members, Group* parent)
    : engine_(engine),
      id_(id),
      members_(std::move(members)),
      parent_(parent),
      posted_(members_.size()),
      communicators_(members_.size()),
      gone_(members_.size()),
      dead_(members_.size()) {
  for (int i = 0; i < size(); ++i) {
    abort_requests_.push_back(std::make_unique<AbortRequest>(*this, i));
  }
}

int Group::MemberOf(int world_rank) const {
  auto it = std::lower_bound(members_.begin(), members_.end(), world_rank);
  if (it == members_.end() || *it != world_rank) return -1;
  return static_cast<int>(it - members_.begin());
}

void Group::SetCommunicator(int member, SimCommunicator* communicator) {
  communicators_[member] = communicator;
  if (communicator != nullptr && !failure_.ok()) communicator->SetAborted();
}

std::string Group::Suffix() const {
  if (parent_ == nullptr) return "";
  return absl::StrCat(" of {", absl::StrJoin(members_, ","), "}");
}

Operation* Group::NewOperation(const Entry& entry, uint64_t sequence) {
  if (free_.empty()) {
    all_.push_back(std::make_unique<Operation>());
    free_.push_back(all_.back().get());
    free_.reserve(all_.capacity());
  }
  Operation* operation = free_.back();
  free_.pop_back();
  operation->group = this;
  operation->sequence = sequence;
  operation->kind = entry.kind;
  operation->expected.assign(members_.size(), true);
  operation->entries.assign(members_.size(), nullptr);
  operation->num_expected = size();
  operation->num_arrived = 0;
  operation->deadline_ns = kNever;
  operation->scheduled = false;
  operation->mismatch.clear();
  return operation;
}

void Group::Recycle(Operation* operation) {
  ++operation->generation;
  free_.push_back(operation);
}

Operation* Group::Find(Entry* entry) {
  if (entry->kind == OpKind::kShrink) return FindShrink(entry);
  while (first_sequence_ + operations_.size() <= entry->sequence) {
    operations_.push_back(
        NewOperation(*entry, first_sequence_ + operations_.size()));
  }
  return operations_[entry->sequence - first_sequence_];
}

// Survivors find each other by the list of whom they exclude: their sequences
// may differ after a failure.
Operation* Group::FindShrink(Entry* entry) {
  for (Operation* operation : shrinks_) {
    if (operation->entries[entry->member] != nullptr) continue;
    const auto present =
        std::find_if(operation->entries.begin(), operation->entries.end(),
                     [](Entry* e) { return e != nullptr; });
    if ((*present)->ranks == entry->ranks) return operation;
  }
  Operation* operation = NewOperation(*entry, entry->sequence);
  for (int excluded : entry->ranks) operation->expected[excluded] = false;
  operation->num_expected = size() - static_cast<int>(entry->ranks.size());
  shrinks_.push_back(operation);
  return operation;
}

void Group::Arrive(Entry* entry) {
  if (!failure_.ok() && entry->kind != OpKind::kShrink) {
    engine_.FinishEntry(entry, engine_.now_ns(), failure_);
    return;
  }
  Operation* operation = Find(entry);
  if (operation->num_arrived > 0 && operation->mismatch.empty() &&
      entry->kind != OpKind::kShrink) {
    const auto first =
        std::find_if(operation->entries.begin(), operation->entries.end(),
                     [](Entry* e) { return e != nullptr; });
    operation->mismatch = DescribeMismatch(**first, *entry);
  }
  operation->kind = entry->kind;
  operation->entries[entry->member] = entry;
  ++operation->num_arrived;
  entry->completion->set_operation(operation);
  if (engine_.options().check_buffers && !entry->guarded) Guard(*entry);

  const int64_t deadline_ns =
      DeadlineAfter(entry->posted_ns, entry->timeout_ns);
  if (deadline_ns < operation->deadline_ns) {
    operation->deadline_ns = deadline_ns;
    engine_.scheduler().At(std::max(deadline_ns, engine_.now_ns()), operation,
                           operation->Tag(Operation::kDeadline));
  }
  if (operation->num_arrived < operation->num_expected) {
    CheckGone(operation);
  } else if (entry->kind == OpKind::kShrink) {
    Schedule(operation);
  } else {
    ScheduleReady();
  }
}

void Group::Drop(Entry* entry, const absl::Status& reason) {
  const int member = entry->member;
  // Whom the reason names is numbered as in another communicator, maybe.
  const absl::Status own = WithLostRanks(reason, LostRanks(failure_));
  engine_.FinishEntry(entry, engine_.now_ns(), own);
  Lose(member, /*dead=*/false, own,
       absl::StrCat("did not reach its call: work before it on the stream "
                    "failed: ",
                    std::string(reason.message())),
       /*lost=*/{});
}

// Fails an operation that waits for someone who will not come.
void Group::CheckGone(Operation* operation) {
  const bool shrink = operation->kind == OpKind::kShrink;
  std::vector<int> lost;
  for (int i = 0; i < size(); ++i) {
    if (!dead_[i] || !operation->expected[i] ||
        operation->entries[i] != nullptr) {
      continue;
    }
    if (!shrink && operation->sequence < posted_[i]) continue;  // under way
    lost.push_back(i);
  }
  if (lost.empty()) return;
  const absl::Status status = WithLostRanks(
      absl::UnavailableError(absl::StrCat(operation->ToString(), ": rank ",
                                          lost[0], " ", gone_[lost[0]])),
      lost);
  if (shrink) {
    FinishShrink(operation, status);
  } else {
    Fail(status);
  }
}

// Operations of one communicator run one after the other.
void Group::ScheduleReady() {
  while (num_scheduled_ < operations_.size()) {
    Operation* operation = operations_[num_scheduled_];
    if (operation->num_arrived < operation->num_expected) return;
    ++num_scheduled_;
    Schedule(operation);
  }
}

void Group::Schedule(Operation* operation) {
  int64_t start_ns = std::max(busy_until_ns_, engine_.now_ns());
  for (Entry* entry : operation->entries) {
    if (entry != nullptr) start_ns = std::max(start_ns, entry->ready_ns);
  }
  operation->scheduled = true;
  operation->start_ns = start_ns;
  operation->end_ns =
      start_ns + (operation->mismatch.empty() ? engine_.CostOf(*operation) : 0);
  busy_until_ns_ = operation->end_ns;
  engine_.scheduler().At(operation->end_ns, operation,
                         operation->Tag(Operation::kComplete));
}

absl::Status Group::Verify(Operation* operation) {
  if (!operation->mismatch.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        operation->ToString(), ": ranks differ in ", operation->mismatch));
  }
  for (Entry* entry : operation->entries) {
    if (entry == nullptr || !entry->guarded) continue;
    if (absl::Status status = CheckGuard(*entry); !status.ok()) {
      return WithMessage(status, absl::StrCat(operation->ToString(), ": ",
                                              std::string(status.message())));
    }
  }
  if (operation->kind == OpKind::kSplit) return MakeSplitGroups(operation);
  return absl::OkStatus();
}

void Group::Complete(Operation* operation) {
  if (operation->kind == OpKind::kShrink) {
    MakeShrunkGroup(operation);
    engine_.Account(*operation);
    FinishShrink(operation, absl::OkStatus());
    return;
  }
  if (absl::Status status = Verify(operation); !status.ok()) {
    Fail(status);
    return;
  }
  engine_.Account(*operation);
  Transfer(*operation, engine_.pool());
  operations_.pop_front();
  ++first_sequence_;
  --num_scheduled_;
  Finish(operation, absl::OkStatus());
}

void Group::Finish(Operation* operation, const absl::Status& status) {
  for (Entry* entry : operation->entries) {
    if (entry == nullptr) continue;
    engine_.FinishEntry(
        entry, status.ok() ? operation->end_ns : engine_.now_ns(), status);
  }
  Recycle(operation);
}

void Group::FinishShrink(Operation* operation, const absl::Status& status) {
  shrinks_.erase(std::find(shrinks_.begin(), shrinks_.end(), operation));
  Finish(operation, status);
}

void Group::DeadlinePassed(Operation* operation) {
  const std::vector<int> missing = operation->Missing();
  const absl::Status status = WithLostRanks(
      absl::DeadlineExceededError(absl::StrCat(
          operation->ToString(), ": ",
          missing.empty()
              ? "the transfer did not end"
              : absl::StrCat("not arrived: ", operation->MissingNames()),
          ", by ", absl::FormatDuration(absl::Nanoseconds(engine_.now_ns())))),
      missing);
  if (operation->kind == OpKind::kShrink) {
    FinishShrink(operation, status);
  } else {
    Fail(status);
  }
}

void Group::Leave(int member, const std::string& how) {
  dead_[member] = true;
  if (gone_[member].empty()) gone_[member] = how;
  for (size_t i = num_scheduled_; i < operations_.size(); ++i) {
    if (operations_[i]->num_arrived > 0) {
      CheckGone(operations_[i]);
      if (!failure_.ok()) break;
    }
  }
  const std::vector<Operation*> shrinks = shrinks_;
  for (Operation* operation : shrinks) CheckGone(operation);
}

void Group::Lose(int member, bool dead, const absl::Status& own,
                 const std::string& how, absl::Span<const int> lost) {
  if (gone_[member].empty()) gone_[member] = how;
  if (dead) dead_[member] = true;
  const absl::Status status = absl::UnavailableError(
      absl::StrCat("rank ", member, Suffix(), " ", gone_[member]));
  // Who has died is not told so.
  FailExcept(WithLostRanks(status, lost), member,
             WithLostRanks(own, dead ? absl::Span<const int>() : lost));
  const std::vector<Operation*> shrinks = shrinks_;
  for (Operation* operation : shrinks) CheckGone(operation);
  for (Group* child : children_) {
    const int place = child->MemberOf(members_[member]);
    if (place < 0) continue;
    child->Lose(place, dead, own, how,
                PlacesAmong(child->members_, RanksAt(members_, lost)));
  }
}

void Group::Fail(const absl::Status& status) { FailExcept(status, -1, status); }

void Group::FailExcept(const absl::Status& status, int member,
                       const absl::Status& own) {
  if (failure_.ok()) {
    failure_ = status;
    for (SimCommunicator* communicator : communicators_) {
      if (communicator != nullptr) communicator->SetAborted();
    }
  }
  while (!operations_.empty()) {
    Operation* operation = operations_.front();
    operations_.pop_front();
    ++first_sequence_;
    for (Entry* entry : operation->entries) {
      if (entry == nullptr) continue;
      engine_.FinishEntry(entry, engine_.now_ns(),
                          entry->member == member ? own : status);
    }
    Recycle(operation);
  }
  num_scheduled_ = 0;
}

Group* Group::MakeGroup(const std::vector<int>& member_indices) {
  std::vector<int> world_ranks;
  for (int index : member_indices) world_ranks.push_back(members_[index]);
  Group* group = engine_.NewGroup(std::move(world_ranks), this);
  children_.push_back(group);
  return group;
}

absl::Status Group::MakeSplitGroups(Operation* operation) {
  for (Entry* entry : operation->entries) {
    for (int other : entry->ranks) {
      const Entry& peer = *operation->entries[other];
      if (peer.ranks == entry->ranks) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          operation->ToString(), ": ranks differ in members: rank ",
          entry->member, " has {", absl::StrJoin(entry->ranks, ","), "}, rank ",
          other, " has {", absl::StrJoin(peer.ranks, ","), "}"));
    }
  }
  for (Entry* entry : operation->entries) {
    if (entry->ranks.empty()) continue;
    const int first = entry->ranks.front();
    entry->made = first == entry->member ? MakeGroup(entry->ranks)
                                         : operation->entries[first]->made;
  }
  return absl::OkStatus();
}

void Group::MakeShrunkGroup(Operation* operation) {
  std::vector<int> survivors;
  for (int i = 0; i < size(); ++i) {
    if (operation->expected[i]) survivors.push_back(i);
  }
  Group* group = MakeGroup(survivors);
  for (int i : survivors) operation->entries[i]->made = group;
}

}  // namespace parley::sim
