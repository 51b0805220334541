// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/examples/digits/experiment.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "parley/base/status_macros.h"
#include "parley/sim/world.h"

namespace parley::digits {
namespace {

// What a step of this little model might take on a slow core; one in four of it
// varies from rank to rank and step to step.
constexpr int64_t kStepNs = 400'000;
constexpr uint64_t kStepJitterNs = 100'000;

constexpr int64_t kProgressSteps = 16;

}  // namespace

absl::StatusOr<ExperimentResult> RunExperiment(
    const TrainTest& data, const ExperimentOptions& options) {
  std::vector<TrainingResult> ranks(
      static_cast<size_t>(std::max(0, options.world.ranks)));
  const auto train = [&](sim::RankContext& rank) -> absl::Status {
    const auto compute = [&](int64_t steps) {
      rank.Compute(absl::Nanoseconds(
          kStepNs +
          static_cast<int64_t>(rank.random().Uniform(kStepJitterNs))));
      if (rank.rank() == 0 && options.progress && steps % kProgressSteps == 0) {
        options.progress(steps);
      }
    };
    PARLEY_ASSIGN_OR_RETURN(
        ranks[static_cast<size_t>(rank.rank())],
        RunRank(rank.communicator(), data, options.training, compute));
    return absl::OkStatus();
  };
  const sim::Report report = sim::World(options.world).Run(train);
  PARLEY_RETURN_IF_ERROR(report.status);

  ExperimentResult result;
  PARLEY_ASSIGN_OR_RETURN(result.training,
                          CombineResults(options.training.mode, ranks));
  result.virtual_seconds = static_cast<double>(report.virtual_ns) / 1e9;
  result.trace_hash = report.trace_hash;
  const double n = static_cast<double>(ranks.size());
  for (const sim::RankReport& rank : report.ranks) {
    result.bytes_per_rank += static_cast<double>(rank.bytes_sent) / n;
    result.wait_seconds += static_cast<double>(rank.wait_ns) / 1e9 / n;
  }
  return result;
}

}  // namespace parley::digits
