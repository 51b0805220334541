// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/nccl/watchdog.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/comm/nccl/abort.h"
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

// `group` and all that were split from it, directly or not.
void AddDescendants(Group& group, std::vector<std::shared_ptr<Group>>& to) {
  for (const std::weak_ptr<Group>& weak : group.children) {
    std::shared_ptr<Group> child = weak.lock();
    if (child == nullptr) continue;
    to.push_back(child);
    AddDescendants(*child, to);
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
    const std::string reason(group.abort_reason().message());
    Targets targets;
    if (!group.failing) {
      targets.emplace_back(&group,
                           absl::Status(CodeOf(NcclFault::kOwnAbort), reason));
    }
    std::vector<std::shared_ptr<Group>> below;
    AddDescendants(group, below);
    for (const std::shared_ptr<Group>& each : below) {
      if (each->failing) continue;
      targets.emplace_back(
          each.get(),
          absl::Status(CodeOf(NcclFault::kOwnAbort),
                       absl::StrCat(group.name, " was aborted: ", reason)));
    }
    for (const auto& [target, status] : targets) {
      target->notices.Post(PeerNotice::kAborted, target->called, reason);
    }
    End(std::move(targets));
  }
  return next_ns;
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
      Fail(group, absl::Status(done.status().code(),
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
    Fail(group, status);
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
  const std::string text =
      absl::StrCat(front.ToString(), ": ", notice.ToString());
  std::vector<int> absent;
  if (notice.kind == PeerNotice::kGaveUp) {
    group.notices.PostProgress(group.called);
    absent = FindAbsent(group, front.sequence);
  }
  if (absent.empty()) {
    End({{&group, absl::Status(CodeOf(NcclFault::kPeerGone), text)}});
  } else {
    End({{&group, absl::Status(CodeOf(NcclFault::kNotInTime),
                               absl::StrCat(text, "; had not arrived: ",
                                            RankNames(absent)))}});
  }
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
                                                    : PeerNotice::kFailed,
                     group.called, text);
  const std::vector<int> absent = FindAbsent(group, sequence);
  std::string whole = text;
  if (!absent.empty()) {
    absl::StrAppend(&whole, "; had not arrived: ", RankNames(absent));
  } else if (group.size > 1 && family_.settings.store != nullptr) {
    absl::StrAppend(&whole, "; all ranks have arrived");
  }
  End({{&group, absl::Status(CodeOf(fault), whole)}});
}

void Watchdog::Fail(Group& group, const absl::Status& status) {
  if (group.failing) return;
  group.notices.PostProgress(group.called);
  group.notices.Post(PeerNotice::kFailed, group.called, status.message());
  End({{&group, status}});
}

void Watchdog::End(Targets targets) {
  if (targets.empty()) return;
  std::vector<ncclComm_t> comms;
  ClosedGates gates;
  for (const auto& [group, status] : targets) {
    group->failing = true;
    group->notices.PostProgress(group->called);
    // Before any kernel is ended: what ends afterwards did not do its work.
    for (Operation* operation : group->outstanding) {
      operation->SetFailing(status);
    }
    CloseCapturedGates(*group, status, gates);
    if (group->comm != nullptr) comms.push_back(group->comm);
    group->comm = nullptr;
  }
  const bool ended = Abort(std::move(comms));
  if (!ended) family_.settings.device->Abandon();  // [7]
  for (auto& [group, status] : targets) {
    if (!ended) {
      status = absl::Status(
          status.code(),
          absl::StrCat(status.message(),
                       "; ncclCommAbort has not returned within ",
                       absl::FormatDuration(family_.settings.abort_timeout),
                       group->captured_gates.empty()
                           ? ""
                           : ", which it does only when all graphs with its "
                             "operations are destroyed",
                       ": the communicator is wedged, its buffers may still be "
                       "written, and the process must exit"));
      group->wedged = true;
    }
    RecordEnds(*group);
  }
  const std::string& path = family_.settings.flight_recorder_path;
  if (!path.empty()) {
    // Before anybody hears of the failure, and ends the process. There is
    // nobody to tell if it cannot be written.
    family_.recorder
        .Write(path, targets.front().second.message(), family_.clock().NowNs())
        .IgnoreError();
  }
  for (const auto& [group, status] : targets) {
    group->SetFailure(status);
    EndOperations(*group, status);
    for (const auto& [closed, gate] : gates) {
      if (closed == group) gate->Settle(status);
    }
    if (ended) ReleaseLast(*group);
  }
  family_.clock().Wake();
}

// Launches of graphs may be under way, or queued, and what they have left
// undone is nothing to work on.
void Watchdog::CloseCapturedGates(Group& group, const absl::Status& status,
                                  ClosedGates& gates) {
  for (const std::weak_ptr<StreamGate>& weak : group.captured_gates) {
    std::shared_ptr<StreamGate> gate = weak.lock();
    if (gate == nullptr) continue;
    gate->Close(StreamGate::kAll, status);
    gates.emplace_back(&group, std::move(gate));
  }
}

void Watchdog::RecordEnds(const Group& group) {
  const int64_t now_ns = family_.clock().NowNs();
  for (Operation* operation : group.outstanding) {
    const Operation::Phase phase = operation->phase();
    if (phase == Operation::Phase::kCaptured) continue;  // recorded then
    const bool done = phase == Operation::Phase::kDone;
    family_.recorder.Mark(operation->flight_id,
                          done ? FlightState::kCompleted : FlightState::kFailed,
                          now_ns);
  }
}

void Watchdog::EndOperations(Group& group, const absl::Status& status) {
  for (Operation* operation : group.outstanding) {
    operation->SetFailed(status);
    // What a wedged communicator uses is never given back [7].
    if (!group.wedged) operation->Unref();
  }
  group.outstanding.clear();
}

// What has ended needs no order, and would keep its group and the family.
void Watchdog::ReleaseLast(const Group& group) {
  if (family_.last == nullptr || &family_.last->group() != &group) return;
  std::exchange(family_.last, nullptr)->Unref();
}

bool Watchdog::Abort(std::vector<ncclComm_t> comms) {
  if (comms.empty()) return true;
  const Settings& settings = family_.settings;
  std::shared_ptr<AbortTask> task = AbortTask::Start(
      {*settings.nccl, family_.cuda(), settings.device->index(),
       settings.version, *settings.clock},
      std::move(comms));
  const int64_t deadline_ns =
      DeadlineAfter(settings.clock->NowNs(),
                    absl::ToInt64Nanoseconds(settings.abort_timeout));
  bool ended = false;
  family_.owner.Await(
      [&] { return ended = task->Wait(settings.clock->NowNs()); }, deadline_ns,
      /*polls=*/false);                                    // [6]
  if (!ended) Quarantine(task, [task] { task->Join(); });  // [7]
  return ended;
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

void Watchdog::Destroy(Group& group) {
  const Settings& settings = family_.settings;
  if (!group.failing && group.comm != nullptr) {
    group.notices.Post(PeerNotice::kLeft, group.called, "");
    const int64_t deadline_ns =
        DeadlineAfter(settings.clock->NowNs(),
                      absl::ToInt64Nanoseconds(settings.abort_timeout));  // [8]
    absl::Status status =
        AwaitComm(&group, group.comm, family_.nccl().CommFinalize(group.comm),
                  "ncclCommFinalize", deadline_ns);
    if (status.ok()) {
      family_.owner.Await(
          [&] {
            return group.failing || !Advance(group) ||
                   group.outstanding.empty();
          },
          deadline_ns);
      if (!group.failing && !group.outstanding.empty()) {
        status = absl::DeadlineExceededError(
            "operations were not complete when the communicator was destroyed");
      }
    }
    if (status.ok()) {
      family_.nccl().CommDestroy(group.comm);
      group.comm = nullptr;
      group.failing = true;  // nothing can be done with it any more
    } else {
      Fail(group, status);
    }
  }
  if (!group.wedged) ReleaseLast(group);
  Remove(group);
}

}  // namespace parley::nccl
