// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Watchdog: follows the operations of a family of communicators, ends those
// that fail, and ends what they belong to. Runs on the owner's thread, between
// and inside its waits; asks events and ncclCommGetAsyncError, nothing that
// could block on the device.
//
// The numbers in comments are those of the abort contract, in
// nccl_communicator.h.
//
// Thread-safety: for the owner's thread alone.
#ifndef PARLEY_COMM_NCCL_WATCHDOG_H_
#define PARLEY_COMM_NCCL_WATCHDOG_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "parley/base/clock.h"
#include "parley/comm/nccl/nccl_api.h"
#include "parley/comm/nccl/nccl_status.h"
#include "parley/comm/nccl/peer_notices.h"
#include "parley/device/cuda/stream_gate.h"

namespace parley::nccl {

class Family;
class Group;
class Operation;

class Watchdog {
 public:
  explicit Watchdog(Family& family) : family_(family) {}
  ~Watchdog();

  // Watches `group` from now on, or no more.
  void Add(std::shared_ptr<Group> group);
  void Remove(const Group& group);

  // Appends `operation` to those of its group, with a reference.
  void Track(Operation* operation);

  // Retires operations of `group` that are done; false if it fails by that.
  bool Advance(Group& group);

  // Looks at everything that is due; returns when it wants to look again.
  int64_t Poll();

  // Ends `group` because of `status`, on this rank: peers are told, the
  // communicator is aborted [6], its operations fail. Does nothing if it has
  // failed.
  void Fail(Group& group, const absl::Status& status);

  // The same where this rank's CUDA or NCCL gave `status`. Unless the arguments
  // were wrong, this rank is of no more use, and its peers hear that it is
  // lost.
  void FailForGood(Group& group, const absl::Status& status);

  // The same for operation `sequence`, which was not complete in time, or whose
  // peers are gone: finds out from the store who had not come [5].
  void FailWaiting(Group& group, NcclFault fault, int64_t sequence,
                   const std::string& text);

  // Waits until the call that gave `result` has ended, on `comm`; bounded by
  // `deadline_ns` [2] and by a failure of `group`, if there is one.
  absl::Status AwaitComm(Group* group, ncclComm_t comm, ncclResult_t result,
                         absl::string_view what, int64_t deadline_ns);

  // Ends `group` because its user gives it up: without an abort, if it can be
  // had [8].
  void Destroy(Group& group);

  // Aborts `comms`; false if that does not end in time [7].
  bool Abort(std::vector<ncclComm_t> comms);

 private:
  using Targets = std::vector<std::pair<Group*, absl::Status>>;
  using ClosedGates =
      std::vector<std::pair<Group*, std::shared_ptr<StreamGate>>>;

  int64_t HandleAborts();
  Targets TargetsOfAbort(Group& group);
  void Look(Group& group);
  bool SeesAsyncError(Group& group);
  bool HearsOfPeer(Group& group);
  void CheckDeadlines(Group& group);
  bool Heed(Group& group, const PeerNotice& notice);
  void FailAndTell(Group& group, const absl::Status& status,
                   absl::Span<const int> lost);
  std::vector<int> FindAbsent(Group& group, int64_t sequence);
  void End(Targets targets);
  void RetireFront(Group& group);
  void CloseCapturedGates(Group& group, const absl::Status& status,
                          ClosedGates& gates);
  void RecordEnds(const Group& group);
  void EndOperations(Group& group, const absl::Status& status);
  void ReleaseLast(const Group& group);

  Family& family_;
  std::vector<std::shared_ptr<Group>> groups_;
  int64_t interval_ns_ = 0;
  int64_t next_look_ns_ = kNever;
  bool progress_ = false;
  int64_t next_deadline_ns_ = 0;  // of the look under way
};

// By when `operation`, of which nothing more has been seen, must have come
// further [3], [4].
int64_t DeadlineOf(const Operation& operation);

}  // namespace parley::nccl

#endif  // PARLEY_COMM_NCCL_WATCHDOG_H_
