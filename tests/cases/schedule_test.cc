// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Cases C01, C02 and C06 to C09: at which steps ranks meet.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/averaging/model_averager.h"
#include "parley/base/status_macros.h"
#include "parley/sim/world.h"
#include "parley/tests/cases/harness.h"
#include "parley/tests/cases/replica.h"
#include "parley/tests/support/backend.h"
#include "parley/tests/support/tested_averager.h"

namespace parley::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The same tensors in groups of their own, one of which is empty.
std::vector<GroupSpec> LayersInGroups() {
  const GroupSpec all = Layers()[0];
  return {{.tensors = {all.tensors[2]}},
          {},
          {.tensors = {all.tensors[0], all.tensors[1]}}};
}

// A table of meetings: the steps below 20 at which ranks meet.
struct Row {
  PeriodicScheduleOptions schedule;
  std::vector<int64_t> meetings;
};

// Trains for 20 steps, each from values of the rank's own, and expects the mean
// at the steps of the table and nothing at all at others.
absl::Status FollowTable(sim::RankContext& rank, const Row& row,
                         const std::vector<GroupSpec>& model) {
  Replica replica(rank, model);
  PARLEY_ASSIGN_OR_RETURN(
      auto averager, MakeAverager(rank.communicator(), replica, row.schedule));
  size_t met = 0;
  for (int64_t step = 0; step < 20; ++step) {
    const bool meets = met < row.meetings.size() && row.meetings[met] == step;
    if (met < row.meetings.size()) {
      EXPECT_EQ(averager->next_meeting(), row.meetings[met]);
    }
    replica.Train(step);
    PARLEY_ASSIGN_OR_RETURN(const StepReport report, averager->Step());
    met += meets;
    EXPECT_EQ(report.step, step);
    EXPECT_EQ(report.met, meets) << "at step " << step;
    EXPECT_EQ(report.meetings, static_cast<int64_t>(met));
    EXPECT_EQ(report.ranks, meets ? rank.size() : 0);
    PARLEY_RETURN_IF_ERROR(meets
                               ? replica.CheckMean(Everyone(rank.size(), step))
                               : replica.CheckOwn(step));
  }
  EXPECT_EQ(met, row.meetings.size());
  EXPECT_GE(averager->next_meeting(), 20);
  return absl::OkStatus();
}

void ExpectTable(const std::vector<Row>& rows,
                 const std::vector<GroupSpec>& model) {
  for (int ranks : {2, 3, 4}) {
    for (const Row& row : rows) {
      SCOPED_TRACE(absl::StrCat(ranks, " ranks, warmup_steps ",
                                row.schedule.warmup_steps));
      RunRanks({.ranks = ranks}, [&](sim::RankContext& rank) {
        return FollowTable(rank, row, model);
      });
    }
  }
}

const std::vector<Row>& PyTorchTable() {
  static const auto* const table = new std::vector<Row>{
      {{.period = 4, .warmup_steps = 12}, {12, 16}},
      {{.period = 4, .warmup_steps = 13}, {13, 17}},
      {{.period = 4, .warmup_steps = 14}, {14, 18}},
      {{.period = 4, .warmup_steps = 15}, {15, 19}},
  };
  return *table;
}

TEST(CasesTest, C01_FiresAtStepsOfThePeriodAfterWarmup) {
  ExpectTable(PyTorchTable(), Layers());
}

TEST(CasesTest, C01_FiresAWholePeriodAfterWarmupWhereThatIsAskedFor) {
  constexpr FirstMeeting kLater = FirstMeeting::kAfterPeriod;
  ExpectTable({{{.period = 4, .warmup_steps = 12, .first = kLater}, {15, 19}},
               {{.period = 4, .warmup_steps = 13, .first = kLater}, {16}},
               {{.period = 4, .warmup_steps = 14, .first = kLater}, {17}},
               {{.period = 4, .warmup_steps = 15, .first = kLater}, {18}}},
              Layers());
}

TEST(CasesTest, C02_GroupsFollowTheSameTable) {
  ExpectTable(PyTorchTable(), LayersInGroups());
}

// Fingerprints, one for each of 12 meetings.
std::vector<uint64_t> Fingerprints(const std::vector<GroupSpec>& model) {
  std::vector<uint64_t> fingerprints(12);
  RunRanks({.ranks = 3}, [&](sim::RankContext& rank) -> absl::Status {
    Replica replica(rank, model);
    PARLEY_ASSIGN_OR_RETURN(
        auto averager,
        MakeAverager(rank.communicator(), replica, {.period = 1}));
    for (size_t step = 0; step < fingerprints.size(); ++step) {
      replica.Train(static_cast<int64_t>(step));
      PARLEY_ASSIGN_OR_RETURN(const StepReport report, averager->Step());
      if (rank.rank() == 0) fingerprints[step] = report.model_fingerprint;
    }
    return absl::OkStatus();
  });
  return fingerprints;
}

TEST(CasesTest, C02_GroupsChangeNoBit) {
  const std::vector<uint64_t> fingerprints = Fingerprints(Layers());
  EXPECT_NE(fingerprints[0], fingerprints[1]);
  EXPECT_EQ(fingerprints, Fingerprints(LayersInGroups()));
}

TEST(CasesTest, C06_PeriodOneWarnsAndFiresEachStep) {
  RunRanks({.ranks = 3}, [&](sim::RankContext& rank) -> absl::Status {
    for (int64_t period : {1, 2}) {
      Recorder recorder;
      Replica replica(rank, Layers());
      ModelAveragerOptions options =
          Periodic(rank.communicator(), replica, {.period = period});
      options.observer = &recorder;
      PARLEY_ASSIGN_OR_RETURN(auto averager,
                              TestedAverager::Create(std::move(options)));
      if (period == 1) {
        EXPECT_THAT(recorder.warnings(),
                    ElementsAre(HasSubstr(
                        "period: 1 averages the model at every step")));
      } else {
        EXPECT_THAT(recorder.warnings(), IsEmpty());
      }
      for (int64_t step = 0; step < 4; ++step) {
        replica.Train(step);
        PARLEY_RETURN_IF_ERROR(averager->Step().status());
        PARLEY_RETURN_IF_ERROR(step % period == 0
                                   ? replica.CheckMean(Everyone(3, step))
                                   : replica.CheckOwn(step));
      }
      EXPECT_EQ(recorder.meetings(), period == 1
                                         ? std::vector<int64_t>({0, 1, 2, 3})
                                         : std::vector<int64_t>({0, 2}));
      EXPECT_LE(recorder.warnings().size(), 1u);
    }
    return absl::OkStatus();
  });
}

// The error of an averager whose schedule only rank 1 cannot follow.
std::string ScheduleError(const PeriodicScheduleOptions& schedule) {
  return CommonError(3,
                     [&](sim::RankContext& rank) {
                       Replica replica(rank, Layers());
                       return MakeAverager(
                                  rank.communicator(), replica,
                                  rank.rank() == 1
                                      ? schedule
                                      : PeriodicScheduleOptions{.period = 4})
                           .status();
                     })
      .ToString();
}

TEST(CasesTest, C07_BadSchedulesAreRefusedWithTheirValues) {
  EXPECT_EQ(ScheduleError({.period = 0}),
            "INVALID_ARGUMENT: rank 1: period: 0, must be at least 1");
  EXPECT_EQ(ScheduleError({.period = -4}),
            "INVALID_ARGUMENT: rank 1: period: -4, must be at least 1");
  EXPECT_EQ(ScheduleError({.period = 4, .warmup_steps = -1}),
            "INVALID_ARGUMENT: rank 1: warmup_steps: -1, must be at least 0");
  // PyTorch's order, too.
  EXPECT_EQ(ScheduleError({.period = 0, .warmup_steps = -2}),
            "INVALID_ARGUMENT: rank 1: warmup_steps: -2, must be at least 0");
}

TEST(CasesTest, C08_WithoutWarmupTheFirstCallFires) {
  for (FirstMeeting first :
       {FirstMeeting::kAtWarmup, FirstMeeting::kAfterPeriod}) {
    const bool at_once = first == FirstMeeting::kAtWarmup;
    const Row row = {{.period = 6, .warmup_steps = 0, .first = first},
                     at_once ? std::vector<int64_t>{0, 6, 12, 18}
                             : std::vector<int64_t>{5, 11, 17}};
    RunRanks({.ranks = 2}, [&](sim::RankContext& rank) {
      return FollowTable(rank, row, Layers());
    });
  }
}

// PyTorch once counted a step per parameter.
TEST(CasesTest, C09_AStepIsOneStepForAnyNumberOfParameters) {
  std::vector<GroupSpec> many(7);
  for (int t = 0; t < 100; ++t) {
    many[static_cast<size_t>(t) % 7].tensors.push_back(
        {.name = absl::StrCat("t", t), .shape = {t % 5 + 1}});
  }
  const std::vector<std::vector<GroupSpec>> models = {
      {{.tensors = {{.name = "w", .shape = {9}}}}}, LayersInGroups(), many};
  for (const std::vector<GroupSpec>& model : models) {
    const Row row = {{.period = 3, .warmup_steps = 2}, {2, 5, 8, 11, 14, 17}};
    RunRanks({.ranks = 2}, [&](sim::RankContext& rank) {
      return FollowTable(rank, row, model);
    });
  }
}

TEST(CasesTest, C09_AStepThatIsRefusedCountsAsWell) {
  RunRanks({.ranks = 2}, [&](sim::RankContext& rank) -> absl::Status {
    Replica replica(rank, Layers());
    PARLEY_ASSIGN_OR_RETURN(
        auto averager,
        MakeAverager(rank.communicator(), replica, {.period = 2}));
    replica.Train(0);
    EXPECT_EQ(averager->Step({.weight = -1}).status().code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(averager->step(), 1);
    EXPECT_EQ(averager->next_meeting(), 2);
    PARLEY_RETURN_IF_ERROR(replica.CheckOwn(0));
    PARLEY_RETURN_IF_ERROR(averager->Step().status());
    replica.Train(2);
    PARLEY_ASSIGN_OR_RETURN(const StepReport report, averager->Step());
    EXPECT_TRUE(report.met);
    EXPECT_EQ(report.step, 2);
    EXPECT_EQ(averager->step(), 3);
    return replica.CheckMean(Everyone(2, 2));
  });
}

}  // namespace
}  // namespace parley::testing
