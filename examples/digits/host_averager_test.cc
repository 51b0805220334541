// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// On a CPU, where the averager works on the host's arrays. On GPUs:
// tests/nccl:digits_test.
#include "parley/examples/digits/host_averager.h"

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/averaging/schedule.h"
#include "parley/base/status_macros.h"
#include "parley/sim/testing/run_ranks.h"

namespace parley::digits {
namespace {

using ::testing::ElementsAre;

TEST(HostAveragerTest, ArraysHoldTheWeightedMeanBehindAMeeting) {
  sim::testing::RunRanks({.ranks = 2}, [](sim::RankContext& rank) {
    const float x = rank.rank() == 0 ? 0.0f : 8.0f;
    std::vector<float> weights = {x, 2 * x};
    std::vector<float> bias = {x + 1};
    absl::StatusOr<std::unique_ptr<HostAverager>> averager =
        HostAverager::Create(rank.communicator(),
                             {{"weights", absl::MakeSpan(weights)},
                              {"bias", absl::MakeSpan(bias)}},
                             PeriodicSchedule({.period = 2}));
    PARLEY_RETURN_IF_ERROR(averager.status());
    // Weights 1 and 3, at step 0.
    PARLEY_RETURN_IF_ERROR((*averager)->Step(1 + 2 * rank.rank()));
    EXPECT_THAT(weights, ElementsAre(6, 12));
    EXPECT_THAT(bias, ElementsAre(7));
    EXPECT_EQ((*averager)->meetings(), 1);
    // No meeting at step 1, and equal weights in the last one.
    weights[0] += x;
    PARLEY_RETURN_IF_ERROR((*averager)->Step(1 + 2 * rank.rank()));
    EXPECT_THAT(weights, ElementsAre(6 + x, 12));
    PARLEY_RETURN_IF_ERROR((*averager)->Finish());
    EXPECT_THAT(weights, ElementsAre(10, 12));
    EXPECT_EQ((*averager)->meetings(), 2);
    return absl::OkStatus();
  });
}

}  // namespace
}  // namespace parley::digits
