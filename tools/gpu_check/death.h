// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What the others do when a rank is lost in the middle of a meeting: they are
// told, abort, shrink, and the next meeting is the mean of those that are left.
//
//   PARLEY_ASSIGN_OR_RETURN(
//       DeathReport report,
//       TrainThroughADeath(*comm, {.victim = 2, .arrange = [] { ... }}));
//
// Expected means are worked out here: a sum of whole numbers, which is exact in
// any order, divided in float64.
//
// Thread-safety: functions of their arguments.
#ifndef PARLEY_TOOLS_GPU_CHECK_DEATH_H_
#define PARLEY_TOOLS_GPU_CHECK_DEATH_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "parley/averaging/reduction.h"
#include "parley/comm/communicator.h"

namespace parley::gpu_check {

struct DeathOptions {
  int victim = 0;
  Reduction reduction = Reduction::kReproducible;

  // Called on the victim before its third meeting.
  std::function<void()> arrange = [] {};
};

struct DeathReport {
  absl::Status told;      // what this rank was told of it
  int64_t told_ns = 0;    // after it came to that meeting
  int64_t shrink_ns = 0;  // what Shrink() took
  int64_t again_ns = 0;   // from then to the end of the next meeting
};

// Collective over at least 3 ranks. kInternal if the death is not told, if it
// leaves a mixture in the model, or if the survivors' mean is wrong. A victim
// that lives to see its communicator fail returns OK.
absl::StatusOr<DeathReport> TrainThroughADeath(Communicator& comm,
                                               const DeathOptions& options);

}  // namespace parley::gpu_check

#endif  // PARLEY_TOOLS_GPU_CHECK_DEATH_H_
