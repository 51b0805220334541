// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Group: what belongs to one communicator, apart from the object that its user
// holds: a Work may outlive that. And Family: what a communicator shares with
// all that were made from it by Split and Shrink: the owner thread, the
// watchdog, the flight recorder, the order on the device.
//
// Thread-safety: each member says whose it is.
#ifndef PARLEY_COMM_NCCL_GROUP_H_
#define PARLEY_COMM_NCCL_GROUP_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "parley/base/clock.h"
#include "parley/base/mutex.h"
#include "parley/comm/nccl/flight_recorder.h"
#include "parley/comm/nccl/nccl_api.h"
#include "parley/comm/nccl/operation.h"
#include "parley/comm/nccl/owner.h"
#include "parley/comm/nccl/peer_notices.h"
#include "parley/comm/nccl/watchdog.h"
#include "parley/comm/store/store.h"
#include "parley/device/cuda/cuda_device.h"
#include "parley/device/cuda/stream_gate.h"

namespace parley::nccl {

// Constant after creation.
struct Settings {
  const NcclApi* nccl = nullptr;
  CudaDevice* device = nullptr;
  Clock* clock = nullptr;
  Store* store = nullptr;  // null where there is one rank
  int version = 0;         // as ncclGetVersion tells it
  absl::Duration timeout;
  absl::Duration abort_timeout;
  absl::Duration progress_interval;
  std::string flight_recorder_path;
};

class Family {
 public:
  Family(Settings settings, int rank, int size, int recorded_operations)
      : settings(std::move(settings)),
        recorder(rank, size, recorded_operations),
        pool(*this->settings.device),
        owner(*this->settings.clock, this->settings.abort_timeout),
        watchdog(*this) {}

  const NcclApi& nccl() const { return *settings.nccl; }
  const CudaApi& cuda() const { return settings.device->api(); }
  Clock& clock() const { return *settings.clock; }

  const Settings settings;
  FlightRecorder recorder;            // any thread
  OperationPool pool;                 // any thread
  std::atomic<int> communicators{0};  // that users hold
  Owner owner;                        // any thread
  Watchdog watchdog;                  // the owner's
  Operation* last = nullptr;          // the owner's; a reference
};

class Group {
 public:
  // Takes all memory that the communicator will ever need. `members` are those
  // of its members in the numbers of the communicator that it is made from.
  static absl::StatusOr<std::shared_ptr<Group>> Create(
      std::shared_ptr<Family> family, absl::string_view name, int rank,
      std::vector<int> members);

  // kOk until it has failed or was aborted; then why, for good.
  absl::Status failure() ABSL_LOCKS_EXCLUDED(mutex_);

  // By any thread; the first reason stands. The owner does the rest.
  void RequestAbort(const absl::Status& reason) ABSL_LOCKS_EXCLUDED(mutex_);

  // By the owner, when it knows all about a failure.
  void SetFailure(const absl::Status& failure) ABSL_LOCKS_EXCLUDED(mutex_);

  // When the abort was asked for, kNever if it was not.
  int64_t abort_requested_ns() const { return abort_requested_ns_; }
  absl::Status abort_reason() ABSL_LOCKS_EXCLUDED(mutex_);

  // The flag of the user's object, from creation to destruction.
  void SetFlag(std::atomic<bool>* aborted) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::shared_ptr<Family> family;
  const std::string name;  // the same on all members, and of no other group
  const int rank;
  const std::vector<int> members;
  const int size;
  const int flight_number;

  // Of the caller, who is one thread at a time.
  int64_t shrinks = 0;
  std::atomic<int64_t> called{0};       // operations; read by the owner
  Allocation words;                     // one int64 per rank, for Split
  std::unique_ptr<CudaStream> control;  // for Connect and Split

  // The owner's.
  ncclComm_t comm = nullptr;
  std::deque<Operation*> outstanding;  // in the order of calls; references
  std::vector<std::weak_ptr<Group>> children;  // made by Split
  PeerNotices notices;
  int64_t next_notice_ns = kNever;
  bool failing = false;  // its failure is being handled, or has been
  bool abort_handled = false;
  Allocation scratch;  // for Connect and Barrier
  // Of the streams on which its operations were captured.
  std::vector<std::weak_ptr<StreamGate>> captured_gates;

  std::atomic<bool> wedged{false};

 private:
  Group(std::shared_ptr<Family> family, absl::string_view name, int rank,
        std::vector<int> members);

  std::atomic<int64_t> abort_requested_ns_{kNever};
  Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  absl::Status abort_reason_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool>* aborted_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace parley::nccl

#endif  // PARLEY_COMM_NCCL_GROUP_H_
