// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// RunExperiment: ranks in a simulated world train the digits' model on their
// own shards, in one of four ways of staying together, and what comes out is
// counted: accuracy, meetings, bytes, virtual time.
//
//   ExperimentOptions options;
//   options.training.mode = Mode::kPeriodic;
//   options.training.period = 8;
//   options.training.steps = kDefaultSteps;
//   options.world.ranks = 8;
//   PARLEY_ASSIGN_OR_RETURN(ExperimentResult result,
//                           RunExperiment(data, options));
//
// Guarantees: equal options give equal results, to the bit, on every machine
// and for any number of ranks running at once.
// Thread-safety: a pure function of its arguments.
#ifndef PARLEY_EXAMPLES_DIGITS_EXPERIMENT_H_
#define PARLEY_EXAMPLES_DIGITS_EXPERIMENT_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "parley/examples/digits/dataset.h"
#include "parley/examples/digits/rank.h"
#include "parley/sim/options.h"

namespace parley::digits {

struct ExperimentOptions {
  TrainingOptions training;

  // Ranks, hosts, links, stragglers, ranks running at once, and the seed of
  // the simulated times.
  sim::WorldOptions world;

  // Called now and then, by any thread, with the steps taken by rank 0 so far.
  std::function<void(int64_t steps)> progress;
};

struct ExperimentResult {
  TrainingResult training;    // of all ranks together
  double bytes_per_rank = 0;  // sent to other ranks, on average
  double virtual_seconds = 0;
  double wait_seconds = 0;  // for others to arrive, on average over ranks
  uint64_t trace_hash = 0;
};

// An error of any rank, or kInternal if replicas that should be equal are not.
absl::StatusOr<ExperimentResult> RunExperiment(
    const TrainTest& data, const ExperimentOptions& options);

}  // namespace parley::digits

#endif  // PARLEY_EXAMPLES_DIGITS_EXPERIMENT_H_
