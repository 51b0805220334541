// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// RunRanks: a multi-rank gtest in ten lines.
//
//   TEST(MyTrainingTest, RanksAgree) {
//     sim::testing::RunRanks({.ranks = 4}, [](sim::RankContext& rank) {
//       return TrainMyModel(rank.communicator());
//     });
//   }
//
// The body runs on every rank of a simulated world, once with one rank running
// at a time and once with all, and must return OK on all of them both times,
// with equal trace hashes: a program whose ranks share state, or that reads a
// wall clock, fails here and not on a busy day in CI. gtest's EXPECT_ macros
// may be used in the body, ASSERT_ macros may not, since it returns a status.
#ifndef PARLEY_SIM_TESTING_RUN_RANKS_H_
#define PARLEY_SIM_TESTING_RUN_RANKS_H_

#include <functional>

#include "absl/status/status.h"
#include "parley/sim/world.h"

namespace parley::sim::testing {

// Returns the report of the second run. A failure is a gtest failure that shows
// the report.
Report RunRanks(const WorldOptions& options,
                const std::function<absl::Status(RankContext&)>& body);

// The same for worlds that `run` makes: for a library that has its own way of
// running ranks in a world.
Report RunTwice(const WorldOptions& options,
                const std::function<Report(const WorldOptions&)>& run);

}  // namespace parley::sim::testing

#endif  // PARLEY_SIM_TESTING_RUN_RANKS_H_
