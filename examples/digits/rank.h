// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// RunRank: one rank's part in training the digits' model, on any communicator.
// The arithmetic of training is the host's; what is averaged lies on the
// communicator's device. So equal options give equal bits on every backend.
//
//   TrainingOptions options;
//   options.mode = Mode::kPeriodic;
//   options.period = 8;
//   options.steps = kDefaultSteps;
//   PARLEY_ASSIGN_OR_RETURN(TrainingResult mine,
//                           RunRank(communicator, data, options));
//   PARLEY_ASSIGN_OR_RETURN(TrainingResult all,
//                           GatherResults(communicator, options.mode, mine));
//
// Thread-safety: functions of their arguments alone; the communicator is used
// by the calling thread.
#ifndef PARLEY_EXAMPLES_DIGITS_RANK_H_
#define PARLEY_EXAMPLES_DIGITS_RANK_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "parley/comm/communicator.h"
#include "parley/examples/digits/dataset.h"

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

// The same on all ranks.
struct TrainingOptions {
  Mode mode = Mode::kSynchronous;
  int64_t period = 0;        // kPeriodic
  int64_t warmup_steps = 0;  // kPeriodic: synchronous steps at first
  int64_t steps = 0;
  Sharding sharding = Sharding::kIid;

  // Of the initial weights and the mini-batches.
  uint64_t seed = 1;

  // One weight per rank for the means of models; empty for equal ones.
  std::vector<double> weights = {};
};

// Of one rank, or of all together.
struct TrainingResult {
  int64_t meetings = 0;  // of models or gradients

  // On the test set, as a fraction: of the common model, or the mean over
  // ranks where there is none (kNever). A rank other than 0 that has the common
  // model does not work it out.
  double test_accuracy = 0;

  // Of the final parameters: of the common model, or of all ranks' in order.
  uint64_t fingerprint = 0;
};

// Collective: trains as one of the communicator's ranks. `on_gradients`, if
// any, is called at each step when its gradients are there, with the steps
// taken before: where a simulated world lets time pass.
absl::StatusOr<TrainingResult> RunRank(
    Communicator& communicator, const TrainTest& data,
    const TrainingOptions& options,
    const std::function<void(int64_t steps)>& on_gradients = nullptr);

// What the results of all ranks, in order, come to. kInternal if replicas that
// should be equal are not. Requires at least one rank.
absl::StatusOr<TrainingResult> CombineResults(
    Mode mode, absl::Span<const TrainingResult> ranks);

// Collective: CombineResults() of what each rank passes as `mine`.
absl::StatusOr<TrainingResult> GatherResults(Communicator& communicator,
                                             Mode mode,
                                             const TrainingResult& mine);

}  // namespace parley::digits

#endif  // PARLEY_EXAMPLES_DIGITS_RANK_H_
