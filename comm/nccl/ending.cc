// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// How the watchdog ends what has failed, was aborted, or is given up by its
// user.
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/base/with_message.h"
#include "parley/comm/nccl/abort.h"
#include "parley/comm/nccl/group.h"
#include "parley/comm/nccl/watchdog.h"

namespace parley::nccl {

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
      status = WithMessage(
          status,
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
      // Its user goes in any case.
      FailAndTell(group, status, {group.rank});
    }
  }
  if (!group.wedged) ReleaseLast(group);
  Remove(group);
}

}  // namespace parley::nccl
