// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// FlightRecorder: the last operations of a rank and how far each has come, kept
// in memory so that they can be written down when something fails.
//
//   FlightRecorder recorder(/*rank=*/3, /*size=*/8, /*capacity=*/1024);
//   const int world = recorder.AddCommunicator("world", 3, 8);
//   const int64_t id = recorder.Schedule(
//       world, {.op = "Barrier", .sequence = 0}, clock.NowNs());
//   recorder.Mark(id, FlightState::kStarted, clock.NowNs());
//
// Memory is taken at creation and by AddCommunicator(); recording takes none.
//
// Thread-safety: thread-safe.
#ifndef PARLEY_COMM_NCCL_FLIGHT_RECORDER_H_
#define PARLEY_COMM_NCCL_FLIGHT_RECORDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "parley/base/mutex.h"
#include "parley/comm/nccl/flight_dump.h"

namespace parley {

class FlightRecorder {
 public:
  // Keeps the last `capacity` operations, at least one.
  FlightRecorder(int rank, int size, int capacity);
  FlightRecorder(const FlightRecorder&) = delete;
  FlightRecorder& operator=(const FlightRecorder&) = delete;

  // What an operation is; `op` and `dtype` must live for ever, as literals do.
  struct Operation {
    absl::string_view op;
    absl::string_view dtype = "";
    int64_t sequence = 0;
    int64_t tensors = 0;
    int64_t elements = 0;
    uint64_t signature = 0;
  };

  // Returns a number that stands for the communicator from now on.
  int AddCommunicator(absl::string_view name, int rank, int size)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Records a call, and returns a number that stands for it from now on.
  int64_t Schedule(int communicator, const Operation& operation, int64_t now_ns)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The operation has come to `state`, if it is still remembered.
  void Mark(int64_t id, FlightState state, int64_t now_ns)
      ABSL_LOCKS_EXCLUDED(mutex_);

  FlightDump Snapshot(absl::string_view reason, int64_t now_ns) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Writes Snapshot() to the file `path`, whole or not at all.
  absl::Status Write(const std::string& path, absl::string_view reason,
                     int64_t now_ns) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Entry {
    int64_t id = -1;
    int communicator = 0;
    Operation operation;
    FlightState state = FlightState::kScheduled;
    int64_t scheduled_ns = 0;
    int64_t started_ns = 0;
    int64_t ended_ns = 0;
  };

  Entry& At(int64_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return entries_[static_cast<size_t>(id) % entries_.size()];
  }

  const int rank_;
  const int size_;

  mutable Mutex mutex_;
  std::vector<FlightCommunicator> communicators_ ABSL_GUARDED_BY(mutex_);
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  int64_t next_id_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace parley

#endif  // PARLEY_COMM_NCCL_FLIGHT_RECORDER_H_
