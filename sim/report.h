// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Report: what happened in World::Run, for tests to check and people to read.
#ifndef PARLEY_SIM_REPORT_H_
#define PARLEY_SIM_REPORT_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace parley::sim {

// What one rank did.
struct RankReport {
  absl::Status status;         // what its function returned, or its fate
  int64_t finished_ns = 0;     // its virtual clock at the end
  int64_t compute_ns = 0;      // in Compute()
  int64_t wait_ns = 0;         // in operations, for others to arrive
  int64_t transfer_ns = 0;     // in operations, for bytes to move
  int64_t bytes_sent = 0;      // to other ranks
  int64_t bytes_received = 0;  // from other ranks
  int64_t operations = 0;      // completed
};

// What happened in World::Run.
struct Report {
  // OK if all ranks returned OK; otherwise the status of the rank that failed
  // first in virtual time, its message preceded by the rank.
  absl::Status status;
  std::vector<RankReport> ranks;
  int64_t virtual_ns = 0;       // when the last rank finished
  uint64_t trace_hash = 0;      // over time, rank, sequence, op, bytes, payload
  bool never_computed = false;  // met, but no rank ever called Compute()
  int64_t scheduler_calls = 0;  // requests that parked a rank

  // A table for people.
  std::string ToString() const;
};

std::ostream& operator<<(std::ostream& out, const Report& report);

}  // namespace parley::sim

#endif  // PARLEY_SIM_REPORT_H_
