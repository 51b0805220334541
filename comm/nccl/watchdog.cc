// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/nccl/watchdog.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "parley/base/with_message.h"
#include "parley/comm/lost_ranks.h"
#include "parley/comm/nccl/group.h"

namespace parley::nccl {
namespace {

// Waiters see the end of an operation themselves; these looks are for timeouts
// and for the flight recorder.
constexpr int64_t kFirstIntervalNs = 1'000'000;
constexpr int64_t kLastIntervalNs = 100'000'000;

// How many timeouts an operation may wait for earlier work on its stream [4].
constexpr int64_t kTimeoutsUntilStart = 10;

int64_t Times(int64_t factor, int64_t duration_ns) {
  return duration_ns > kNever / factor ? kNever : factor * duration_ns;
}

struct Descendant {
  std::shared_ptr<Group> group;
  std::vector<int> lost;  // in its own numbers
};

// All that were split from `group`, directly or not, with those of its members
// `lost` that are members there.
void AddDescendants(Group& group, absl::Span<const int> lost,
                    std::vector<Descendant>& to) {
  for (const std::weak_ptr<Group>& weak : group.children) {
    std::shared_ptr<Group> child = weak.lock();
    if (child == nullptr) continue;
    const std::vector<int> there = PlacesAmong(child->members, lost);
    to.push_back({child, there});
    AddDescendants(*child, there, to);
  }
}

}  // namespace

int64_t DeadlineOf(const Operation& operation) {
  if (operation.phase() == Operation::Phase::kCalled) {
    return DeadlineAfter(operation.called_ns, operation.timeout_ns);  // [2]
  }
  if (operation.started_ns == kNever) {  // [4]
    return DeadlineAfter(operation.called_ns,
                         Times(kTimeoutsUntilStart, operation.timeout_ns));
  }
  return DeadlineAfter(operation.started_ns, operation.timeout_ns);  // [3]
}

Watchdog::~Watchdog() = default;

void Watchdog::Add(std::shared_ptr<Group> group) {
  groups_.push_back(std::move(group));
}

void Watchdog::Remove(const Group& group) {
  groups_.erase(std::remove_if(groups_.begin(), groups_.end(),
                               [&group](const std::shared_ptr<Group>& each) {
                                 return each.get() == &group;
                               }),
                groups_.end());
}

void Watchdog::Track(Operation* operation) {
  operation->Ref();
  operation->group().outstanding.push_back(operation);
  interval_ns_ = kFirstIntervalNs;
  next_look_ns_ = std::min(
      next_look_ns_, DeadlineAfter(family_.clock().NowNs(), interval_ns_));
}

int64_t Watchdog::Poll() {
  const int64_t next_abort_ns = HandleAborts();
  if (family_.clock().NowNs() < next_look_ns_) {
    return std::min(next_look_ns_, next_abort_ns);
  }
  progress_ = false;
  next_deadline_ns_ = kNever;
  bool busy = false;
  // Looking changes no group's place here.
  for (size_t i = 0; i < groups_.size(); ++i) {
    Look(*groups_[i]);
    busy |= !groups_[i]->outstanding.empty() && !groups_[i]->failing;
  }
  interval_ns_ = progress_ ? kFirstIntervalNs
                           : std::min(2 * interval_ns_, kLastIntervalNs);
  next_look_ns_ = kNever;
  if (busy) {
    next_look_ns_ =
        std::min(next_deadline_ns_,
                 DeadlineAfter(family_.clock().NowNs(), interval_ns_));
  }
  return std::min(next_look_ns_, next_abort_ns);
}

// Returns when the earliest abort is due that is known and not due yet.
int64_t Watchdog::HandleAborts() {
  int64_t next_ns = kNever;
  for (size_t i = 0; i < groups_.size(); ++i) {
    Group& group = *groups_[i];
    const int64_t requested_ns = group.abort_requested_ns();
    if (requested_ns == kNever || group.abort_handled) continue;
    if (requested_ns > family_.clock().NowNs()) {
      next_ns = std::min(next_ns, requested_ns);
      continue;
    }
    group.abort_handled = true;
    End(TargetsOfAbort(group));
  }
  return next_ns;
}

// Whom the abort of `group` ends. Peers are told with the reason and its list.
Watchdog::Targets Watchdog::TargetsOfAbort(Group& group) {
  const absl::Status why = group.abort_reason();
  const std::string reason(why.message());
  const absl::StatusCode code = CodeOf(NcclFault::kOwnAbort);
  const std::vector<int> lost = LostRanks(why);
  Targets targets;
  if (!group.failing) {
    targets.emplace_back(&group,
                         WithLostRanks(absl::Status(code, reason), lost));
  }
  std::vector<Descendant> below;
  AddDescendants(group, lost, below);
  for (const Descendant& each : below) {
    if (each.group->failing) continue;
    const absl::Status status(
        code, absl::StrCat(group.name, " was aborted: ", reason));
    targets.emplace_back(each.group.get(), WithLostRanks(status, each.lost));
  }
  for (const auto& [target, status] : targets) {
    target->notices.Post(PeerNotice::kAborted, target->called, reason,
                         LostRanks(status));
  }
  return targets;
}

void Watchdog::Look(Group& group) {
  if (group.failing || !Advance(group) || group.outstanding.empty()) return;
  if (SeesAsyncError(group) || HearsOfPeer(group)) return;
  CheckDeadlines(group);
}

void Watchdog::RetireFront(Group& group) {
  Operation* const front = group.outstanding.front();
  family_.recorder.Mark(front->flight_id, FlightState::kCompleted,
                        family_.clock().NowNs());
  group.outstanding.pop_front();
  group.next_notice_ns = kNever;
  progress_ = true;
  front->Unref();
}

bool Watchdog::Advance(Group& group) {
  while (!group.outstanding.empty()) {
    Operation& front = *group.outstanding.front();
    if (front.phase() == Operation::Phase::kCalled) break;
    if (front.phase() == Operation::Phase::kCaptured) {
      // Its graph runs it, as often as it is launched; nobody can tell when.
      group.outstanding.pop_front();
      front.Unref();
      continue;
    }
    const int64_t now_ns = family_.clock().NowNs();
    absl::StatusOr<bool> done = true;
    if (front.started_ns == kNever) {
      done = front.start().IsDone();
      if (done.ok() && !*done) break;
      if (done.ok()) {
        front.started_ns = now_ns;
        family_.recorder.Mark(front.flight_id, FlightState::kStarted, now_ns);
      }
    }
    if (done.ok()) done = front.LookAtEnd();
    if (!done.ok()) {
      FailForGood(group, WithMessage(done.status(),
                                     absl::StrCat(front.ToString(), ": ",
                                                  done.status().message())));
      return false;
    }
    if (!*done) break;
    RetireFront(group);
  }
  return true;
}

bool Watchdog::SeesAsyncError(Group& group) {
  ncclResult_t state = ncclSuccess;
  const ncclResult_t asked =
      family_.nccl().CommGetAsyncError(group.comm, &state);
  if (asked != ncclSuccess) state = asked;
  if (state == ncclSuccess || state == ncclInProgress) return false;
  const Operation& front = *group.outstanding.front();
  const absl::Status status =
      NcclStatus(family_.nccl(), state, group.comm, front.ToString());
  if (status.code() == CodeOf(NcclFault::kPeerGone)) {
    FailWaiting(group, NcclFault::kPeerGone, front.sequence,
                std::string(status.message()));
  } else {
    FailForGood(group, status);
  }
  return true;
}

// Tells peers how far this rank is, and asks what they tell, at long intervals
// while an operation is under way.
bool Watchdog::HearsOfPeer(Group& group) {
  const int64_t now_ns = family_.clock().NowNs();
  const int64_t interval_ns =
      absl::ToInt64Nanoseconds(family_.settings.progress_interval);
  if (group.next_notice_ns == kNever) {
    group.next_notice_ns = DeadlineAfter(now_ns, interval_ns);
  }
  if (now_ns >= group.next_notice_ns) {
    group.next_notice_ns = DeadlineAfter(now_ns, interval_ns);
    group.notices.PostProgress(group.called);
    const std::optional<PeerNotice> notice = group.notices.Look();
    if (notice.has_value() && Heed(group, *notice)) return true;
  }
  next_deadline_ns_ = std::min(next_deadline_ns_, group.next_notice_ns);
  return false;
}

// Fails the group if the notice means that the operation in front cannot end.
bool Watchdog::Heed(Group& group, const PeerNotice& notice) {
  const Operation& front = *group.outstanding.front();
  // Who has left took part in all that it had called.
  if (notice.kind == PeerNotice::kLeft && notice.operations > front.sequence) {
    return false;
  }
  std::string text = absl::StrCat(front.ToString(), ": ", notice.ToString());
  std::vector<int> lost = notice.lost;
  if (notice.kind == PeerNotice::kLeft) lost = {notice.rank};
  NcclFault fault = NcclFault::kPeerGone;
  // Who told this did not know yet for whom it had waited.
  if (notice.kind == PeerNotice::kGaveUp ||
      notice.kind == PeerNotice::kLostPeer) {
    group.notices.PostProgress(group.called);
    lost = FindAbsent(group, front.sequence);
    if (!lost.empty()) {
      absl::StrAppend(&text, "; had not arrived: ", RankNames(lost));
      if (notice.kind == PeerNotice::kGaveUp) fault = NcclFault::kNotInTime;
    }
  }
  End({{&group, WithLostRanks(absl::Status(CodeOf(fault), text), lost)}});
  return true;
}

void Watchdog::CheckDeadlines(Group& group) {
  const int64_t now_ns = family_.clock().NowNs();
  // Those between wait for the one in front; the last may be on its way into
  // NCCL.
  for (Operation* operation :
       {group.outstanding.front(), group.outstanding.back()}) {
    if (operation != group.outstanding.front() &&
        operation->phase() != Operation::Phase::kCalled) {
      continue;
    }
    const int64_t deadline_ns = DeadlineOf(*operation);
    if (now_ns < deadline_ns) {
      next_deadline_ns_ = std::min(next_deadline_ns_, deadline_ns);
      continue;
    }
    const char* what = " is not complete ";
    if (operation->phase() == Operation::Phase::kCalled) {
      what = " could not be enqueued ";
    } else if (operation->started_ns == kNever) {
      what = " has not started, for what is before it on its stream, ";
    }
    const std::string text = absl::StrCat(
        operation->ToString(), what, "after ",
        absl::FormatDuration(
            absl::Nanoseconds(now_ns - (operation->started_ns == kNever
                                            ? operation->called_ns
                                            : operation->started_ns))));
    // A peer's own words say more than its silence.
    const std::optional<PeerNotice> notice = group.notices.Look();
    if (notice.has_value() && notice->kind != PeerNotice::kGaveUp &&
        Heed(group, *notice)) {
      return;
    }
    return FailWaiting(group, NcclFault::kNotInTime, operation->sequence, text);
  }
}

std::vector<int> Watchdog::FindAbsent(Group& group, int64_t sequence) {
  // Peers answer at their next look for notices [5].
  Clock& clock = family_.clock();
  const int64_t interval_ns =
      absl::ToInt64Nanoseconds(family_.settings.progress_interval);
  const int64_t deadline_ns =
      DeadlineAfter(clock.NowNs(), interval_ns + interval_ns / 2);
  std::vector<int> absent = group.notices.Others();
  while (true) {
    absent = group.notices.Absent(sequence, absent);
    const int64_t now_ns = clock.NowNs();
    if (absent.empty() || now_ns >= deadline_ns) return absent;
    family_.owner.Await(
        [] { return false; },
        std::min(deadline_ns, DeadlineAfter(now_ns, interval_ns / 4 + 1)),
        /*polls=*/false);
  }
}

void Watchdog::FailWaiting(Group& group, NcclFault fault, int64_t sequence,
                           const std::string& text) {
  if (group.failing) return;
  group.notices.PostProgress(group.called);
  group.notices.Post(fault == NcclFault::kNotInTime ? PeerNotice::kGaveUp
                                                    : PeerNotice::kLostPeer,
                     group.called, text);
  const std::vector<int> absent = FindAbsent(group, sequence);
  std::string whole = text;
  if (!absent.empty()) {
    absl::StrAppend(&whole, "; had not arrived: ", RankNames(absent));
  } else if (group.size > 1 && family_.settings.store != nullptr) {
    absl::StrAppend(&whole, "; all ranks have arrived");
  }
  End({{&group, WithLostRanks(absl::Status(CodeOf(fault), whole), absent)}});
}

void Watchdog::FailAndTell(Group& group, const absl::Status& status,
                           absl::Span<const int> lost) {
  if (group.failing) return;
  group.notices.PostProgress(group.called);
  group.notices.Post(PeerNotice::kFailed, group.called, status.message(), lost);
  End({{&group, status}});
}

void Watchdog::Fail(Group& group, const absl::Status& status) {
  FailAndTell(group, status, LostRanks(status));
}

void Watchdog::FailForGood(Group& group, const absl::Status& status) {
  const bool lost = !absl::IsInvalidArgument(status);
  FailAndTell(
      group, status,
      lost ? absl::MakeConstSpan(&group.rank, 1) : absl::Span<const int>());
}

absl::Status Watchdog::AwaitComm(Group* group, ncclComm_t comm,
                                 ncclResult_t result, absl::string_view what,
                                 int64_t deadline_ns) {
  if (result != ncclSuccess && result != ncclInProgress) {
    return NcclStatus(family_.nccl(), result, comm, what);
  }
  ncclResult_t state = ncclInProgress;
  const auto ready = [&] {
    if (group != nullptr && group->failing) return true;
    const ncclResult_t asked = family_.nccl().CommGetAsyncError(comm, &state);
    if (asked != ncclSuccess) state = asked;
    return state != ncclInProgress;
  };
  const bool ended = family_.owner.Await(ready, deadline_ns);
  if (group != nullptr && group->failing) return group->failure();
  if (!ended) {
    return absl::Status(CodeOf(NcclFault::kNotInTime),
                        absl::StrCat(what, " is still in progress"));
  }
  return NcclStatus(family_.nccl(), state, comm, what);
}

}  // namespace parley::nccl
