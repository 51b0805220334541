// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/testing/run_ranks.h"

#include <atomic>
#include <vector>

#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"
#include "parley/base/status_macros.h"

namespace parley::sim::testing {
namespace {

TEST(RunRanksTest, PassesWhatIsRight) {
  const Report report = RunRanks({.ranks = 3}, [](RankContext& rank) {
    rank.Compute(absl::Microseconds(rank.rank()));
    return absl::OkStatus();
  });
  EXPECT_EQ(report.ranks.size(), 3u);
}

TEST(RunRanksTest, FailsWithTheReport) {
  EXPECT_NONFATAL_FAILURE(
      {
        EXPECT_NONFATAL_FAILURE(
            RunRanks({.ranks = 2},
                     [](RankContext& rank) {
                       return rank.rank() == 1 ? absl::DataLossError("lost it")
                                               : absl::OkStatus();
                     }),
            "lost it");
      },
      "2 failures");
}

// State that ranks share makes the payloads differ from run to run.
TEST(RunRanksTest, FailsOnSharedState) {
  std::atomic<int64_t> shared = 0;
  EXPECT_NONFATAL_FAILURE(
      RunRanks({.ranks = 2},
               [&](RankContext& rank) -> absl::Status {
                 Communicator& comm = rank.communicator();
                 PARLEY_ASSIGN_OR_RETURN(auto stream,
                                         comm.device().CreateStream());
                 std::vector<int64_t> value = {++shared};
                 PARLEY_ASSIGN_OR_RETURN(
                     Work work,
                     comm.Broadcast({TensorView::Of(absl::MakeSpan(value))}, 0,
                                    *stream));
                 return work.WaitHost();
               }),
      "depends on which thread is faster");
}

}  // namespace
}  // namespace parley::sim::testing
