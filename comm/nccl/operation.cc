// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/nccl/operation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/base/poll_interval.h"
#include "parley/base/status_macros.h"
#include "parley/comm/arguments.h"
#include "parley/comm/nccl/enqueue.h"
#include "parley/comm/nccl/group.h"

namespace parley::nccl {
absl::string_view Name(OpKind kind) {
  switch (kind) {
    case OpKind::kConnect:
      return "Connect";
    case OpKind::kAllToAll:
      return "AllToAll";
    case OpKind::kAllGather:
      return "AllGather";
    case OpKind::kBroadcast:
      return "Broadcast";
    case OpKind::kAllReduce:
      return "AllReduce";
    case OpKind::kBarrier:
      return "Barrier";
    case OpKind::kSplit:
      return "Split";
  }
  return "";
}

void Operation::Renew(std::shared_ptr<Group> group, OpKind new_kind) {
  Reset();
  group_ = std::move(group);
  kind = new_kind;
  reduce = ReduceOp::kSum;
  root = 0;
  pieces.clear();
  stream = nullptr;
  before = absl::OkStatus();
  started_ns = kNever;
  refs_.store(1, std::memory_order_relaxed);
  phase_.store(Phase::kCalled, std::memory_order_release);
}

void Operation::Unref() {
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  gate.reset();
  // The pool may go with its family, and this operation with the pool.
  const std::shared_ptr<Group> group = std::move(group_);
  group->family->pool.Return(this);
}

std::string Operation::ToString() const {
  FlightOperation flight;
  flight.sequence = sequence;
  flight.op = std::string(record.op);
  flight.dtype = std::string(record.dtype);
  flight.tensors = record.tensors;
  flight.elements = record.elements;
  return absl::StrCat(flight.ToString(), " of ", group_->name);
}

void Operation::Execute() {
  Group& group = *group_;
  Family& family = *group.family;
  family.watchdog.Poll();  // an abort that came first goes first
  // So that operations are used again, however long the watchdog sleeps.
  if (!group.failing) family.watchdog.Advance(group);
  if (group.failing) {
    SetFailing(group.failure());
    SetFailed(group.failure());
    family.recorder.Mark(flight_id, FlightState::kFailed,
                         family.clock().NowNs());
    return;
  }
  family.watchdog.Track(this);
  if (!before.ok()) {
    // Without its payloads: whom it names may be numbered as elsewhere.
    return family.watchdog.Fail(
        group, absl::Status(before.code(),
                            absl::StrCat(ToString(),
                                         ": did not reach its call, for work "
                                         "before it on the stream failed: ",
                                         before.message())));
  }
  const absl::Status status = Enqueue(*this);
  // Enqueueing takes time, in which the communicator may have failed: then this
  // has no effect.
  if (status.code() == CodeOf(NcclFault::kPeerGone)) {
    family.watchdog.FailWaiting(group, NcclFault::kPeerGone, sequence,
                                std::string(status.message()));
  } else if (!status.ok()) {
    family.watchdog.FailForGood(group, status);
  }
}

absl::StatusOr<bool> Operation::LookAtEnd() {
  const Phase now = phase();
  // Asked even if somebody else has seen the end: otherwise it would depend on
  // which thread was faster how long this takes.
  if (now != Phase::kEnqueued && now != Phase::kDone) return false;
  PARLEY_ASSIGN_OR_RETURN(const bool complete, end_->IsDone());
  if (!complete) return false;
  return Exchange(Phase::kEnqueued, Phase::kDone) || phase() == Phase::kDone;
}

void Operation::SetFailing(const absl::Status& status) {
  const absl::StatusOr<bool> done = LookAtEnd();
  if (done.ok() && *done) return;
  {
    MutexLock lock(&mutex_);
    status_ = status;
  }
  if (!Exchange(Phase::kEnqueued, Phase::kFailing) &&
      !Exchange(Phase::kCalled, Phase::kFailing)) {
    return;
  }
  if (gate != nullptr) gate->Close(ticket, status);
}

void Operation::SetFailed(const absl::Status& status) {
  if (phase() != Phase::kFailing) return;
  {
    MutexLock lock(&mutex_);
    status_ = status;
  }
  Exchange(Phase::kFailing, Phase::kFailed);
  if (gate != nullptr) gate->Settle(status);
}

absl::Status Operation::Outcome() {
  switch (phase()) {
    case Phase::kDone:
      return absl::OkStatus();
    case Phase::kCaptured:
      return absl::FailedPreconditionError(absl::StrCat(
          ToString(), " was captured into a graph; wait for its launch"));
    default: {
      MutexLock lock(&mutex_);
      return status_;
    }
  }
}

bool Operation::IsDone() {
  const absl::StatusOr<bool> done = LookAtEnd();
  return ended() || (done.ok() && *done) || group_->family->owner.IsHung();
}

absl::Status Operation::Wait(Stream& other) {
  PARLEY_RETURN_IF_ERROR(
      CheckStream("Work::Wait", *group_->family->settings.device, other));
  auto& cuda_stream = static_cast<CudaStream&>(other);
  const Phase now = phase();
  if (now == Phase::kFailing || now == Phase::kFailed) {
    cuda_stream.Fail(Outcome());
  } else {
    cuda_stream.Wait(*end_);
  }
  return absl::OkStatus();
}

absl::Status Operation::WaitHost(absl::Duration timeout) {
  Family& family = *group_->family;
  Clock& clock = family.clock();
  const int64_t deadline_ns = DeadlineAfter(
      clock.NowNs(), std::max<int64_t>(0, absl::ToInt64Nanoseconds(timeout)));
  PollInterval interval;
  while (true) {
    const absl::StatusOr<bool> done = LookAtEnd();
    if (ended()) return Outcome();
    // An error of CUDA's is the watchdog's to tell, once nothing runs any more.
    if (done.ok() && *done) return absl::OkStatus();
    const int64_t now_ns = clock.NowNs();
    if (now_ns >= deadline_ns) return StillUnderWay(timeout);
    const int64_t sleep_ns = interval.NextNs();
    if (sleep_ns == 0) continue;
    if (family.owner.IsHung()) {  // [9]
      return absl::Status(CodeOf(NcclFault::kNotInTime),
                          absl::StrCat(ToString(), ": ", kOwnerHangs));
    }
    clock.WaitUntil([this] { return ended(); },
                    std::min(deadline_ns, DeadlineAfter(now_ns, sleep_ns)));
  }
}

// kDeadlineExceeded, with what the store knows about the peers by now.
absl::Status Operation::StillUnderWay(absl::Duration timeout) {
  std::string text = absl::StrCat(ToString(), ": not complete after ",
                                  absl::FormatDuration(timeout), " of waiting");
  const Settings& settings = group_->family->settings;
  // Before that, nobody has told how far he is.
  if (settings.clock->NowNs() >=
      DeadlineAfter(called_ns,
                    absl::ToInt64Nanoseconds(settings.progress_interval))) {
    PeerNotices& notices = group_->notices;
    const std::vector<int> absent = notices.Absent(sequence, notices.Others());
    if (!absent.empty()) {
      absl::StrAppend(&text,
                      "; not known to have arrived: ", RankNames(absent));
    }
  }
  return absl::Status(CodeOf(NcclFault::kNotInTime), text);
}

absl::StatusOr<Operation*> OperationPool::Take(std::shared_ptr<Group> group,
                                               OpKind kind) {
  std::unique_ptr<Operation> operation;
  {
    MutexLock lock(&mutex_);
    if (!free_.empty()) {
      operation = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (operation == nullptr) {
    PARLEY_ASSIGN_OR_RETURN(auto start, device_.CreateCudaEvent());
    PARLEY_ASSIGN_OR_RETURN(auto end, device_.CreateCudaEvent());
    operation = std::make_unique<Operation>(std::move(start), std::move(end));
  }
  operation->Renew(std::move(group), kind);
  return operation.release();
}

void OperationPool::Return(Operation* operation) {
  MutexLock lock(&mutex_);
  free_.emplace_back(operation);
}

}  // namespace parley::nccl
