// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// RunExperiment: ranks in a simulated world train the digits' model on their
// own shards, in one of four ways of staying together, and what comes out is
// counted: accuracy, meetings, bytes, virtual time.
//
//   ExperimentOptions options;
//   options.mode = Mode::kPeriodic;
//   options.period = 8;
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
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "parley/examples/digits/dataset.h"
#include "parley/sim/options.h"

namespace parley::digits {

enum class Mode {
  kSynchronous,  // the mean of the gradients at every step
  kPeriodic,     // synchronous steps at first, then the mean of the models
                 // every `period` steps and at the end (post-local SGD)
  kFinalOnly,    // the mean of the models once, at the very end
  kNever,        // each rank for itself
};

// "synchronous", "periodic", "final_only", "never".
absl::string_view Name(Mode mode);

struct ExperimentOptions {
  Mode mode = Mode::kSynchronous;
  int64_t period = 0;        // kPeriodic
  int64_t warmup_steps = 0;  // kPeriodic: synchronous steps at first
  int64_t steps = 0;
  Sharding sharding = Sharding::kIid;

  // One weight per rank for the means of models; empty for equal ones.
  std::vector<double> weights;

  // Ranks, hosts, seed, links, stragglers, ranks running at once.
  sim::WorldOptions world;

  // Called now and then, by any thread, with the steps taken by rank 0 so far.
  std::function<void(int64_t steps)> progress;
};

struct ExperimentResult {
  int64_t meetings = 0;       // of models or gradients
  double bytes_per_rank = 0;  // sent to other ranks, on average
  double virtual_seconds = 0;
  double wait_seconds = 0;  // for others to arrive, on average over ranks
  // On the test set, as a fraction: of the common model, or the mean over
  // ranks where there is none (kNever).
  double test_accuracy = 0;
  // Of the final parameters: of the common model, or of all ranks' in order.
  uint64_t final_fingerprint = 0;
  uint64_t trace_hash = 0;
};

// An error of any rank, or kInternal if replicas that should be equal are not.
absl::StatusOr<ExperimentResult> RunExperiment(
    const TrainTest& data, const ExperimentOptions& options);

}  // namespace parley::digits

#endif  // PARLEY_EXAMPLES_DIGITS_EXPERIMENT_H_
