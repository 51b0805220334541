// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// How a user tests a training loop of his own on many ranks: deterministic, in
// one process, with faults where he wants them.
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "parley/averaging/model_averager.h"
#include "parley/base/status_macros.h"
#include "parley/sim/testing/run_ranks.h"

namespace {

using parley::Communicator;
using parley::ModelAverager;
using parley::ParameterSet;
using parley::PeriodicSchedule;
using parley::TensorView;
using parley::sim::RankContext;
using parley::sim::testing::RunRanks;

constexpr int kSteps = 10;

absl::StatusOr<std::unique_ptr<ModelAverager>> AverageEverySecondStep(
    Communicator& comm, std::vector<float>& model) {
  const parley::Parameter weights = {
      .name = "weights", .tensor = TensorView::Of(absl::MakeSpan(model))};
  PARLEY_ASSIGN_OR_RETURN(auto parameters,
                          ParameterSet::Create({{.parameters = {weights}}}));
  return ModelAverager::Create({.communicator = &comm,
                                .parameters = std::move(parameters),
                                .schedule = PeriodicSchedule({.period = 2})});
}

// The code under test. A step adds the rank to every weight; if ranks are lost,
// which are known to be `expendable`, the others go on without them.
absl::Status TrainMyModel(RankContext& rank, std::vector<float>& model,
                          const std::vector<int>& expendable) {
  std::unique_ptr<Communicator> survivors;
  PARLEY_ASSIGN_OR_RETURN(auto averager,
                          AverageEverySecondStep(rank.communicator(), model));
  for (int step = 0; step < kSteps; ++step) {
    rank.Compute(absl::Milliseconds(1));
    for (float& w : model) w += static_cast<float>(rank.rank());
    const absl::Status status = averager->Step().status();
    if (absl::IsUnavailable(status)) {
      PARLEY_ASSIGN_OR_RETURN(survivors,
                              rank.communicator().Shrink(expendable));
      PARLEY_RETURN_IF_ERROR(averager->Rebind(*survivors));
      PARLEY_RETURN_IF_ERROR(averager->AverageNow().status());
    } else {
      PARLEY_RETURN_IF_ERROR(status);
    }
  }
  return averager->Finish();
}

// A multi-rank test in ten lines. Each step adds the mean of 0, 1, 2 and 3.
TEST(TrainMyModelTest, RanksEndWithTheMean) {
  RunRanks({.ranks = 4}, [](RankContext& rank) -> absl::Status {
    std::vector<float> model(1000);
    PARLEY_RETURN_IF_ERROR(TrainMyModel(rank, model, {}));
    EXPECT_EQ(model, std::vector<float>(1000, 1.5f * kSteps));
    return absl::OkStatus();
  });
}

// The same with a fault. Four ranks meet at steps 0 and 2; rank 3 crashes
// before they meet at step 4; the others add the mean of 0, 1 and 2 from step 3
// on.
TEST(TrainMyModelTest, SurvivorsGoOn) {
  parley::sim::WorldOptions options;
  options.ranks = 4;
  options.faults = {{.kind = parley::sim::FaultKind::kCrash,
                     .rank = 3,
                     .at = absl::Microseconds(4500)}};
  RunRanks(options, [](RankContext& rank) -> absl::Status {
    std::vector<float> model(1000);
    PARLEY_RETURN_IF_ERROR(TrainMyModel(rank, model, {3}));
    EXPECT_EQ(model, std::vector<float>(1000, 3 * 1.5f + (kSteps - 3)));
    return absl::OkStatus();
  });
}

}  // namespace
