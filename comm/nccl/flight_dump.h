// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// FlightDump: what a rank's flight recorder (flight_recorder.h) held when it
// was written down, and its form as JSON.
//
//   PARLEY_ASSIGN_OR_RETURN(FlightDump dump, ParseFlightDump(text));
//   std::cout << "rank " << dump.rank << " says: " << dump.reason;
//
// The JSON is one object with `schema_version`, and a member of the same name
// for each field here; `signature` is text, 16 hexadecimal digits.
//
// Thread-safety: a value.
#ifndef PARLEY_COMM_NCCL_FLIGHT_DUMP_H_
#define PARLEY_COMM_NCCL_FLIGHT_DUMP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace parley {

inline constexpr int kFlightSchemaVersion = 1;

enum class FlightState : uint8_t { kScheduled, kStarted, kCompleted, kFailed };

// "scheduled", "started", "completed", "failed".
absl::string_view Name(FlightState state);

struct FlightCommunicator {
  std::string name;       // the same on all its members
  int rank = 0;           // in this communicator
  int size = 1;           // of this communicator
  int64_t scheduled = 0;  // operations so far: the next one has this sequence
};

struct FlightOperation {
  std::string communicator;
  int64_t sequence = 0;  // 0 is the first operation of a communicator
  std::string op;        // "AllReduce"
  std::string dtype;     // "float32"; "mixed"; empty where no tensor is
  int64_t tensors = 0;
  int64_t elements = 0;    // of whole tensors, the same on all ranks
  uint64_t signature = 0;  // of all arguments that must agree
  FlightState state = FlightState::kScheduled;

  // In the recording rank's clock; 0 for what has not been seen to happen.
  int64_t scheduled_ns = 0;
  int64_t started_ns = 0;
  int64_t ended_ns = 0;

  // "#17 AllReduce float32[1048576]".
  std::string ToString() const;
};

struct FlightDump {
  int rank = 0;  // in the communicator that all descend from
  int size = 1;
  std::string reason;  // why it was written
  int64_t time_ns = 0;
  std::vector<FlightCommunicator> communicators;
  std::vector<FlightOperation> operations;  // the oldest first

  std::string ToJson() const;
};

// kInvalidArgument, saying where, for what ToJson() does not write.
absl::StatusOr<FlightDump> ParseFlightDump(absl::string_view json);

}  // namespace parley

#endif  // PARLEY_COMM_NCCL_FLIGHT_DUMP_H_
