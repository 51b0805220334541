// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Cases C28 and C34: meetings that no schedule has, and how training ends.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/averaging/model_averager.h"
#include "parley/averaging/schedule.h"
#include "parley/base/status_macros.h"
#include "parley/comm/communicator.h"
#include "parley/device/device.h"
#include "parley/device/tensor.h"
#include "parley/device/testing/device_array.h"
#include "parley/sim/world.h"
#include "parley/tests/cases/harness.h"
#include "parley/tests/cases/replica.h"
#include "parley/tests/support/backend.h"
#include "parley/tests/support/tested_averager.h"

namespace parley::testing {
namespace {

using ::testing::HasSubstr;

TEST(CasesTest, C28_AForcedAverageIsHeldAtOnceAndCountsNoStep) {
  RunRanks({.ranks = 3}, [](sim::RankContext& rank) -> absl::Status {
    Replica replica(rank, Layers());
    PARLEY_ASSIGN_OR_RETURN(
        auto averager,
        MakeAverager(rank.communicator(), replica, {.period = 4}));
    for (int64_t step = 0; step < 3; ++step) {
      replica.Train(step);
      PARLEY_RETURN_IF_ERROR(averager->Step().status());
    }
    PARLEY_RETURN_IF_ERROR(replica.CheckOwn(2));
    PARLEY_ASSIGN_OR_RETURN(StepReport report, averager->AverageNow());
    EXPECT_TRUE(report.met);
    EXPECT_EQ(report.meetings, 2);
    PARLEY_RETURN_IF_ERROR(replica.CheckMean(Everyone(3, 2)));
    EXPECT_EQ(averager->step(), 3);
    EXPECT_EQ(averager->next_meeting(), 4);

    replica.Train(100);
    PARLEY_RETURN_IF_ERROR(
        averager->AverageNow({.weight = rank.rank() + 1.0}).status());
    PARLEY_RETURN_IF_ERROR(
        replica.CheckMean({{0, 100, 1}, {1, 100, 2}, {2, 100, 3}}));
    for (int64_t step = 3; step < 6; ++step) {
      replica.Train(step);
      PARLEY_ASSIGN_OR_RETURN(report, averager->Step());
      EXPECT_EQ(report.met, step == 4);
      PARLEY_RETURN_IF_ERROR(step == 4 ? replica.CheckMean(Everyone(3, step))
                                       : replica.CheckOwn(step));
    }
    return absl::OkStatus();
  });
}

TEST(CasesTest, C28_AForcedAverageIsForcedOnAll) {
  EXPECT_EQ(
      CommonError(
          3,
          [](sim::RankContext& rank) -> absl::Status {
            Replica replica(rank, Layers());
            PARLEY_ASSIGN_OR_RETURN(
                auto averager,
                MakeAverager(rank.communicator(), replica, {.period = 4}));
            replica.Train(0);
            const absl::Status status =
                (rank.rank() == 2 ? averager->AverageNow() : averager->Step())
                    .status();
            PARLEY_RETURN_IF_ERROR(replica.CheckOwn(0));
            return status;
          })
          .ToString(),
      "INVALID_ARGUMENT: rank 2 differs from rank 0 in the call: "
      "AverageNow() against Step()");
}

// Epochs of five steps with a period of four. Some end in a step that meets
// anyway; its mean does not change when it is averaged once more.
TEST(CasesTest, C28_EpochsEndInAnAverage) {
  RunRanks({.ranks = 3}, [](sim::RankContext& rank) -> absl::Status {
    Replica replica(rank, Layers());
    Recorder recorder;
    ModelAveragerOptions options =
        Periodic(rank.communicator(), replica, {.period = 4});
    options.observer = &recorder;
    PARLEY_ASSIGN_OR_RETURN(auto averager,
                            TestedAverager::Create(std::move(options)));
    for (int64_t step = 0; step < 15; ++step) {
      replica.Train(step);
      PARLEY_RETURN_IF_ERROR(averager->Step().status());
      PARLEY_RETURN_IF_ERROR(step % 4 == 0
                                 ? replica.CheckMean(Everyone(3, step))
                                 : replica.CheckOwn(step));
      if (step % 5 != 4) continue;
      PARLEY_RETURN_IF_ERROR(averager->AverageNow().status());
      PARLEY_RETURN_IF_ERROR(replica.CheckMean(Everyone(3, step)));
    }
    // Those of the schedule, and behind steps 4, 9 and 14.
    EXPECT_EQ(recorder.meetings(),
              std::vector<int64_t>({0, 4, 5, 8, 10, 12, 15}));
    return absl::OkStatus();
  });
}

// PyTorch ends with replicas that differ unless the last step happens to meet.
TEST(CasesTest, C28_FinishAveragesWhatTheScheduleLeaves) {
  for (int64_t steps : {8, 9, 10, 11}) {
    RunRanks({.ranks = 3}, [&](sim::RankContext& rank) -> absl::Status {
      Replica replica(rank, Layers());
      PARLEY_ASSIGN_OR_RETURN(
          auto averager,
          MakeAverager(rank.communicator(), replica, {.period = 4}));
      for (int64_t step = 0; step < steps; ++step) {
        replica.Train(step);
        PARLEY_RETURN_IF_ERROR(averager->Step().status());
      }
      const int64_t last = steps - 1;
      PARLEY_RETURN_IF_ERROR(last == 8 ? replica.CheckMean(Everyone(3, last))
                                       : replica.CheckOwn(last));
      PARLEY_RETURN_IF_ERROR(averager->Finish());
      EXPECT_EQ(averager->last_meeting().ranks, 3);
      PARLEY_RETURN_IF_ERROR(replica.CheckMean(Everyone(3, last)));

      replica.Train(steps);
      EXPECT_EQ(averager->Step().status(),
                absl::FailedPreconditionError("Step(): Finish() was called"));
      EXPECT_EQ(
          averager->AverageNow().status(),
          absl::FailedPreconditionError("AverageNow(): Finish() was called"));
      EXPECT_EQ(averager->Finish(),
                absl::FailedPreconditionError("Finish(): Finish() was called"));
      EXPECT_EQ(averager->step(), steps + 1);
      return replica.CheckOwn(steps);
    });
  }
}

TEST(CasesTest, C28_FinishWithoutAStepSinceTheMeetingCountsAll) {
  RunRanks({.ranks = 3}, [](sim::RankContext& rank) -> absl::Status {
    Replica replica(rank, Layers());
    PARLEY_ASSIGN_OR_RETURN(
        auto averager,
        MakeAverager(rank.communicator(), replica, {.period = 4}));
    PARLEY_RETURN_IF_ERROR(averager->Step().status());
    replica.Train(5);
    PARLEY_RETURN_IF_ERROR(averager->Finish());
    return replica.CheckMean(Everyone(3, 5));
  });
}

// A rank that trains on a stream of its own, behind an operation of its
// gradients that takes much longer than the headers of a meeting.
class StreamTrainer {
 public:
  // `replica` gets the values of this rank.
  StreamTrainer(int rank, Communicator& gradients, Replica& replica,
                Stream& stream)
      : gradients_(gradients),
        stream_(stream),
        gradient_(gradients.device(), 1 << 16),
        trained_(rank, gradients.device(), Layers()) {
    const auto to = replica.Parameters();
    const auto from = trained_.Parameters();
    for (size_t t = 0; t < to.entries().size(); ++t) {
      copies_.push_back({from.entries()[t].parameter.tensor,
                         to.entries()[t].parameter.tensor});
    }
  }
  ~StreamTrainer() { stream_.WaitHost(absl::InfiniteDuration()).IgnoreError(); }

  // Requires that the step before has reached the replica. This one has not
  // when the call returns.
  absl::Status Train(int64_t step) {
    trained_.Train(step);
    PARLEY_RETURN_IF_ERROR(
        gradients_.Broadcast({gradient_.view()}, 0, stream_).status());
    return gradients_.device().Copy(
        {copies_.data(), static_cast<int64_t>(copies_.size())}, stream_);
  }

 private:
  Communicator& gradients_;
  Stream& stream_;
  DeviceArray<uint8_t> gradient_;
  Replica trained_;
  std::vector<TensorCopy> copies_;
};

TEST(CasesTest, C28_MeetingsComeBehindTheCallersStream) {
  sim::WorldOptions world;
  world.ranks = 3;
  world.intra_host = {absl::Microseconds(1), 1'000'000'000};
  RunRanks(world, [](sim::RankContext& rank) -> absl::Status {
    PARLEY_ASSIGN_OR_RETURN(const auto gradients,
                            rank.communicator().Split({0, 1, 2}));
    PARLEY_ASSIGN_OR_RETURN(const auto stream,
                            gradients->device().CreateStream());
    Replica replica(rank, Layers());
    StreamTrainer trainer(rank.rank(), *gradients, replica, *stream);
    PARLEY_ASSIGN_OR_RETURN(
        auto averager,
        MakeAverager(rank.communicator(), replica, {.period = 3}));
    StepOptions options;
    options.stream = stream.get();
    PARLEY_RETURN_IF_ERROR(trainer.Train(0));
    PARLEY_RETURN_IF_ERROR(replica.CheckOwn(-1));
    PARLEY_RETURN_IF_ERROR(averager->Step(options).status());
    PARLEY_RETURN_IF_ERROR(replica.CheckMean(Everyone(3, 0)));

    PARLEY_RETURN_IF_ERROR(trainer.Train(1));
    PARLEY_RETURN_IF_ERROR(averager->AverageNow(options).status());
    PARLEY_RETURN_IF_ERROR(replica.CheckMean(Everyone(3, 1)));

    PARLEY_RETURN_IF_ERROR(trainer.Train(2));
    PARLEY_RETURN_IF_ERROR(averager->Finish(stream.get()));
    return replica.CheckMean(Everyone(3, 2));
  });
}

// Those of `steps` that are more than `step`: ranks that then still train.
std::vector<Source> StillTraining(const std::vector<int64_t>& steps,
                                  int64_t step) {
  std::vector<Source> sources;
  for (size_t r = 0; r < steps.size(); ++r) {
    if (steps[r] > step) sources.push_back({static_cast<int>(r), step});
  }
  return sources;
}

// What Finish() leaves on all ranks where rank r has taken steps[r] steps and
// every third was followed by a meeting.
std::vector<Source> LastMeeting(const std::vector<int64_t>& steps) {
  const int64_t longest = *std::max_element(steps.begin(), steps.end());
  const int64_t met = longest / 3 * 3;
  std::vector<Source> moved;
  for (size_t r = 0; r < steps.size(); ++r) {
    if (steps[r] > met) moved.push_back({static_cast<int>(r), steps[r] - 1});
  }
  if (!moved.empty()) return moved;
  // All hold what the last meeting left, or what they began with.
  return met == 0 ? Everyone(static_cast<int>(steps.size()), -1)
                  : StillTraining(steps, met - 1);
}

absl::Status TrainUnevenly(sim::RankContext& rank,
                           const std::vector<int64_t>& steps) {
  Replica replica(rank, Layers());
  PARLEY_ASSIGN_OR_RETURN(
      auto averager,
      MakeAverager(rank.communicator(), replica,
                   {.period = 3, .first = FirstMeeting::kAfterPeriod}));
  for (int64_t step = 0; step < steps[static_cast<size_t>(rank.rank())];
       ++step) {
    rank.Compute(absl::Microseconds(10 + 7 * rank.rank()));
    replica.Train(step);
    const std::vector<Source> training = StillTraining(steps, step);
    PARLEY_ASSIGN_OR_RETURN(const StepReport report, averager->Step());
    EXPECT_EQ(report.met, step % 3 == 2);
    EXPECT_EQ(report.ranks, report.met ? static_cast<int>(training.size()) : 0);
    PARLEY_RETURN_IF_ERROR(step % 3 == 2 ? replica.CheckMean(training)
                                         : replica.CheckOwn(step));
  }
  PARLEY_RETURN_IF_ERROR(averager->Finish());
  const int64_t met = *std::max_element(steps.begin(), steps.end()) / 3;
  EXPECT_EQ(averager->last_meeting().meetings, met + 1);
  EXPECT_EQ(averager->next_meeting(), 3 * met + 2);
  return replica.CheckMean(LastMeeting(steps));
}

TEST(CasesTest, C34_RanksThatLeaveEarlyServeTheOthers) {
  const std::vector<std::vector<int64_t>> all = {
      {0, 4, 7, 11}, {11, 7, 4, 0}, {4, 4, 3, 5},    {6, 2, 6, 1},
      {0, 0, 0},     {9, 0},        {1, 2, 8, 0, 5}, {3, 3, 3},
  };
  for (const std::vector<int64_t>& steps : all) {
    SCOPED_TRACE(absl::StrJoin(steps, ", "));
    RunRanks(
        {.ranks = static_cast<int>(steps.size())},
        [&](sim::RankContext& rank) { return TrainUnevenly(rank, steps); });
  }
}

TEST(CasesTest, C34_ForcedAveragesAreServedAsWell) {
  RunRanks({.ranks = 3}, [](sim::RankContext& rank) -> absl::Status {
    Replica replica(rank, Layers());
    PARLEY_ASSIGN_OR_RETURN(
        auto averager,
        MakeAverager(rank.communicator(), replica,
                     {.period = 50, .first = FirstMeeting::kAfterPeriod}));
    const std::vector<Source> training = {{0, 0}, {2, 0}};
    if (rank.rank() != 1) {
      replica.Train(0);
      PARLEY_RETURN_IF_ERROR(averager->Step().status());
      PARLEY_ASSIGN_OR_RETURN(const StepReport report, averager->AverageNow());
      EXPECT_EQ(report.ranks, 2);
      PARLEY_RETURN_IF_ERROR(replica.CheckMean(training));
    }
    if (rank.rank() == 2) {
      replica.Train(1);
      PARLEY_RETURN_IF_ERROR(averager->Step().status());
    }
    PARLEY_RETURN_IF_ERROR(averager->Finish());
    EXPECT_EQ(averager->last_meeting().ranks, 1);
    return replica.CheckMean({{2, 1}});
  });
}

// Without Finish() nobody serves; the others are told who is missing.
TEST(CasesTest, C34_ARankThatJustReturnsIsNamed) {
  const sim::Report report =
      RunWorld({.ranks = 3}, [](sim::RankContext& rank) -> absl::Status {
        Replica replica(rank, Layers());
        PARLEY_ASSIGN_OR_RETURN(
            auto averager,
            MakeAverager(rank.communicator(), replica, {.period = 2}));
        replica.Train(0);
        PARLEY_RETURN_IF_ERROR(averager->Step().status());
        PARLEY_RETURN_IF_ERROR(replica.CheckMean(Everyone(3, 0)));
        if (rank.rank() == 1) return absl::OkStatus();
        PARLEY_RETURN_IF_ERROR(averager->Step().status());
        replica.Train(2);
        const absl::Status status = averager->Step().status();
        PARLEY_RETURN_IF_ERROR(replica.CheckOwn(2));
        return status;
      });
  EXPECT_TRUE(report.ranks[1].status.ok()) << report;
  for (size_t r : {0, 2}) {
    EXPECT_EQ(report.ranks[r].status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(report.ranks[r].status.message()),
                // "returned" in the simulator, "left" elsewhere.
                HasSubstr("rank 1 has "));
  }
}

}  // namespace
}  // namespace parley::testing
