// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Reduction::kNative on simulated ranks: what it costs, who refuses it, and
// what a crash leaves behind. What comes out of it is tests/native's.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/averaging/model_averager.h"
#include "parley/averaging/plan.h"
#include "parley/base/status_macros.h"
#include "parley/sim/world.h"

namespace parley {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kBytesPerHeader = 56;

// Sums of a few of them are exact.
float ValueOf(int rank, size_t i) {
  return static_cast<float>(rank) + static_cast<float>(i % 1024) / 1024;
}

void Train(int rank, std::vector<float>& model) {
  for (size_t i = 0; i < model.size(); ++i) model[i] = ValueOf(rank, i);
}

std::vector<float> ModelOf(int rank, size_t size) {
  std::vector<float> model(size);
  Train(rank, model);
  return model;
}

ModelAveragerOptions Native(sim::RankContext& rank, std::vector<float>& a,
                            std::vector<float>& b) {
  ModelAveragerOptions options;
  options.communicator = &rank.communicator();
  options.parameters = *ParameterSet::Create(
      {{.parameters = {{"a", TensorView::Of(absl::MakeSpan(a))},
                       {"b", TensorView::Of(absl::MakeSpan(b))}}}});
  options.schedule = PeriodicSchedule({.period = 1});
  options.reduction = Reduction::kNative;
  return options;
}

// What a rank says it received is what the simulator moved.
TEST(NativeMeanTest, BytesAreThoseOfTheAllReduce) {
  constexpr int kRanks = 3;
  std::vector<int64_t> reported(kRanks);
  sim::World world({.ranks = kRanks});
  const sim::Report report =
      world.Run([&](sim::RankContext& rank) -> absl::Status {
        // In place over several buckets, and packed, neither of a size that the
        // ranks divide.
        std::vector<float> a = ModelOf(rank.rank(), 200'000);
        std::vector<float> b = ModelOf(rank.rank(), 1001);
        PARLEY_ASSIGN_OR_RETURN(auto averager,
                                ModelAverager::Create(Native(rank, a, b)));
        PARLEY_ASSIGN_OR_RETURN(const StepReport met, averager->Step());
        EXPECT_EQ(met.reduction, Reduction::kNative);
        EXPECT_EQ(met.ranks, kRanks);
        EXPECT_EQ(a[5], ValueOf(1, 5));
        reported[static_cast<size_t>(rank.rank())] = met.bytes_received;
        return absl::OkStatus();
      });
  ASSERT_TRUE(report.status.ok()) << report;
  for (size_t r = 0; r < kRanks; ++r) {
    EXPECT_EQ(reported[r] + kBytesPerHeader * (kRanks - 1),  // of Create()
              report.ranks[r].bytes_received);
    // Of a ring, rounded in each bucket. Large buckets hold multiples of 96
    // elements; what is left of `a` is packed with `b`, and padded to another.
    EXPECT_NEAR(static_cast<double>(reported[r]),
                4.0 * (199'968 + 1056) * 4 / 3, 150);
  }
}

std::string CommonError(
    const std::function<absl::Status(sim::RankContext&)>& body) {
  const sim::Report report = sim::World({.ranks = 2}).Run(body);
  EXPECT_FALSE(report.ranks[0].status.ok());
  EXPECT_EQ(report.ranks[0].status, report.ranks[1].status);
  return report.ranks[0].status.ToString();
}

TEST(NativeMeanTest, RanksThatDisagreeAreRefusedByName) {
  EXPECT_EQ(CommonError([](sim::RankContext& rank) {
              std::vector<float> a(200'000), b(5);
              ModelAveragerOptions options = Native(rank, a, b);
              if (rank.rank() == 0) {
                options.reduction = Reduction::kReproducible;
              }
              // Which fits buckets of 256 KiB for one and of 128 for the other:
              // what follows from the difference is not what is named.
              options.max_extra_bytes = 600'000;
              return ModelAverager::Create(options).status();
            }),
            "INVALID_ARGUMENT: rank 1 differs from rank 0 in reduction: native "
            "against reproducible");
}

TEST(NativeMeanTest, AStateOfAnotherReductionIsRefused) {
  const sim::Report report =
      sim::World({.ranks = 1}).Run([](sim::RankContext& rank) -> absl::Status {
        std::vector<float> a(5), b(5);
        ModelAveragerOptions options = Native(rank, a, b);
        PARLEY_ASSIGN_OR_RETURN(auto native, ModelAverager::Create(options));
        options.reduction = Reduction::kReproducible;
        PARLEY_ASSIGN_OR_RETURN(auto other, ModelAverager::Create(options));
        EXPECT_EQ(other->Restore(native->State()).message(),
                  "state: reduction: native in the state, reproducible here");
        return native->Restore(native->State());
      });
  EXPECT_TRUE(report.status.ok()) << report;
}

// OK if each bucket of the plan is the average of all as a whole, or what it
// was as a whole. Counts those that are the average.
absl::Status CheckBuckets(const AveragingPlan& plan, int rank, float mean_rank,
                          int& complete) {
  for (size_t b = 0; b < plan.buckets().size(); ++b) {
    const Bucket& bucket = plan.buckets()[b];
    int64_t old = 0;
    for (int p = 0; p < bucket.num_pieces; ++p) {
      const Piece& piece = plan.pieces()[bucket.first_piece + p];
      const auto* values = static_cast<const float*>(piece.view.data());
      for (int64_t i = 0; i < piece.view.count(); ++i) {
        const float own =
            ValueOf(rank, static_cast<size_t>(piece.first_index + i));
        const float mean = own - static_cast<float>(rank) + mean_rank;
        old += values[i] == own;
        if (values[i] == own || values[i] == mean) continue;
        return absl::InternalError(
            absl::StrCat("bucket ", b, "[", i, "] is ", values[i], ", neither ",
                         own, ", which it was, nor the average, ", mean));
      }
    }
    if (old != 0 && old != bucket.count) {
      return absl::InternalError(absl::StrCat("bucket ", b, " is a mixture"));
    }
    complete += old == 0;
  }
  return absl::OkStatus();
}

// Returns how many buckets were complete on rank 0 when rank 3 crashed, and
// that the survivors went on.
int CrashAt(absl::Duration at) {
  constexpr int kRanks = 4;
  sim::WorldOptions options;
  options.ranks = kRanks;
  options.intra_host = {absl::Microseconds(1), 10'000'000'000};
  options.faults = {{.kind = sim::FaultKind::kCrash, .rank = 3, .at = at}};
  int complete_on_rank_0 = 0;
  const sim::Report report =
      sim::World(options).Run([&](sim::RankContext& rank) -> absl::Status {
        const int r = rank.rank();
        std::vector<float> a = ModelOf(r, 300'000);
        std::vector<float> b = ModelOf(r, 20'000);
        PARLEY_ASSIGN_OR_RETURN(auto averager,
                                ModelAverager::Create(Native(rank, a, b)));
        rank.Compute(absl::Microseconds(20));
        const absl::Status met = averager->Step().status();
        if (r == 3) return absl::OkStatus();
        EXPECT_EQ(met.code(), absl::StatusCode::kUnavailable) << met;
        int complete = 0;
        PARLEY_RETURN_IF_ERROR(
            CheckBuckets(averager->plan(), r, /*mean_rank=*/1.5f, complete));
        EXPECT_THAT(std::string(met.message()),
                    HasSubstr(absl::StrCat(complete, " of ",
                                           averager->plan().buckets().size(),
                                           " buckets are complete")));
        if (r == 0) complete_on_rank_0 = complete;
        PARLEY_ASSIGN_OR_RETURN(auto survivors,
                                rank.communicator().Shrink({3}));
        PARLEY_RETURN_IF_ERROR(averager->Rebind(*survivors));
        Train(r, a);
        Train(r, b);
        PARLEY_RETURN_IF_ERROR(averager->AverageNow().status());
        EXPECT_EQ(a, ModelOf(1, a.size()));
        EXPECT_EQ(b, ModelOf(1, b.size()));
        return absl::OkStatus();
      });
  for (int r = 0; r < 3; ++r) {
    EXPECT_TRUE(report.ranks[r].status.ok()) << report.ranks[r].status;
  }
  return complete_on_rank_0;
}

// A bucket takes about 40 us.
TEST(NativeMeanTest, ACrashLeavesEachBucketWhatItWasOrTheAverage) {
  std::vector<int> complete;
  for (int64_t us : {45, 90, 120, 150, 180, 210, 240}) {
    SCOPED_TRACE(us);
    complete.push_back(CrashAt(absl::Microseconds(us)));
  }
  // In the beginning nothing is, and then more and more.
  EXPECT_EQ(complete.front(), 0);
  EXPECT_GT(complete.back(), 1);
  EXPECT_TRUE(std::is_sorted(complete.begin(), complete.end()));
}

}  // namespace
}  // namespace parley
