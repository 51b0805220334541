// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What the results of ranks come to, together. That RunRank() gives the same
// bits on every backend is the business of tests/nccl:digits_test.
#include "parley/examples/digits/rank.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/sim/testing/run_ranks.h"

namespace parley::digits {
namespace {

using ::testing::HasSubstr;

TEST(CombineResultsTest, OfReplicasRankZeroSpeaksForAll) {
  const absl::StatusOr<TrainingResult> all =
      CombineResults(Mode::kPeriodic,
                     {{.meetings = 3, .test_accuracy = 0.75, .fingerprint = 7},
                      {.meetings = 3, .fingerprint = 7}});
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->meetings, 3);
  EXPECT_EQ(all->test_accuracy, 0.75);
  EXPECT_EQ(all->fingerprint, 7u);
}

TEST(CombineResultsTest, ReplicasThatDifferAreAnError) {
  for (const Mode mode :
       {Mode::kSynchronous, Mode::kPeriodic, Mode::kFinalOnly}) {
    const absl::Status status = CombineResults(mode, {{.fingerprint = 0xab},
                                                      {.fingerprint = 0xab},
                                                      {.fingerprint = 0xcd}})
                                    .status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    for (const char* word :
         {"rank 2", "00000000000000cd", "00000000000000ab"}) {
      EXPECT_THAT(std::string(status.message()), HasSubstr(word));
    }
  }
}

TEST(CombineResultsTest, RanksForThemselvesGiveTheMeanAndAllModels) {
  const TrainingResult a = {.test_accuracy = 0.5, .fingerprint = 1};
  const TrainingResult b = {.test_accuracy = 1, .fingerprint = 2};
  const absl::StatusOr<TrainingResult> ab =
      CombineResults(Mode::kNever, {a, b});
  ASSERT_TRUE(ab.ok()) << ab.status();
  EXPECT_EQ(ab->test_accuracy, 0.75);
  EXPECT_NE(ab->fingerprint, CombineResults(Mode::kNever, {b, a})->fingerprint);
  EXPECT_NE(ab->fingerprint, CombineResults(Mode::kNever, {a, a})->fingerprint);
}

TEST(GatherResultsTest, AllRanksGetWhatAllOfThemBring) {
  const std::vector<TrainingResult> results = {
      {.meetings = 5, .test_accuracy = 0.25, .fingerprint = 0x1111222233334444},
      {.meetings = 5, .test_accuracy = 0.5, .fingerprint = 0xffff000000000001},
      {.meetings = 5, .test_accuracy = 0.75, .fingerprint = 3}};
  const TrainingResult expected = *CombineResults(Mode::kNever, results);
  sim::testing::RunRanks({.ranks = 3}, [&](sim::RankContext& rank) {
    const absl::StatusOr<TrainingResult> all =
        GatherResults(rank.communicator(), Mode::kNever,
                      results[static_cast<size_t>(rank.rank())]);
    if (!all.ok()) return all.status();
    EXPECT_EQ(all->meetings, 5);
    EXPECT_EQ(all->test_accuracy, 0.5);
    EXPECT_EQ(all->fingerprint, expected.fingerprint);
    return absl::OkStatus();
  });
}

}  // namespace
}  // namespace parley::digits
