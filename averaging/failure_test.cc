// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What a meeting that fails tells as data: whom it lost, and which buckets are
// complete.
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/averaging/model_averager.h"
#include "parley/averaging/plan.h"
#include "parley/base/status_macros.h"
#include "parley/comm/lost_ranks.h"
#include "parley/sim/world.h"

namespace parley {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kVictim = 2;

// A flag says what the bucket's tensor holds: the mean of all, or this rank's.
void ExpectFlagsAreTrue(const ModelAverager& averager,
                        const std::vector<float>& model, int rank) {
  const auto complete = averager.complete_buckets();
  const AveragingPlan& plan = averager.plan();
  ASSERT_EQ(complete.size(), plan.buckets().size());
  for (size_t b = 0; b < complete.size(); ++b) {
    const Bucket& bucket = plan.buckets()[b];
    const Piece& piece = plan.pieces()[bucket.first_piece];
    const auto mean = static_cast<float>(1);  // of 0, 1 and 2
    EXPECT_EQ(model[static_cast<size_t>(piece.first_index)],
              complete[b] ? mean : static_cast<float>(rank))
        << "bucket " << b;
  }
}

absl::Status Fail(sim::RankContext& rank, int& incomplete) {
  std::vector<float> model(50'000, static_cast<float>(rank.rank()));
  ModelAveragerOptions options;
  options.communicator = &rank.communicator();
  options.parameters = *ParameterSet::Create(
      {{.parameters = {{"w", TensorView::Of(absl::MakeSpan(model))}}}});
  options.schedule = PeriodicSchedule({.period = 1});
  options.max_extra_bytes = 60'000;
  PARLEY_ASSIGN_OR_RETURN(auto averager, ModelAverager::Create(options));
  const absl::Status status = averager->Step().status();
  if (status.ok() || rank.rank() == kVictim) return absl::OkStatus();
  EXPECT_THAT(LostRanks(status), ElementsAre(kVictim)) << status;
  int complete = 0;
  for (uint8_t flag : averager->complete_buckets()) complete += flag;
  const size_t buckets = averager->plan().buckets().size();
  if (complete > 0 || absl::StrContains(status.message(), "buckets")) {
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(absl::StrCat(complete, " of ", buckets,
                                       " buckets are complete")));
  }
  if (complete > 0 && complete < static_cast<int>(buckets)) ++incomplete;
  // Rank 1's own values are the mean as well.
  if (rank.rank() == 0) ExpectFlagsAreTrue(*averager, model, rank.rank());
  return absl::OkStatus();
}

TEST(FailureTest, TellsWhomItLostAndWhichBucketsAreComplete) {
  int incomplete = 0;
  for (int64_t at = 5; at < 250; at += 5) {
    SCOPED_TRACE(at);
    const sim::Report report =
        sim::World({.ranks = 3,
                    .max_parallel = 1,
                    .faults = {{.kind = sim::FaultKind::kCrash,
                                .rank = kVictim,
                                .at = absl::Microseconds(at)}}})
            .Run([&](sim::RankContext& rank) -> absl::Status {
              // One that dies before the first meeting lets Create() fail.
              const absl::Status status = Fail(rank, incomplete);
              EXPECT_TRUE(status.ok() || absl::IsUnavailable(status)) << status;
              return absl::OkStatus();
            });
  }
  // Otherwise nothing was seen of what this is about.
  EXPECT_GT(incomplete, 10);
}

}  // namespace
}  // namespace parley
