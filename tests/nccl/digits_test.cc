// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The digits' training over NCCL, what is averaged in the memory of (fake)
// GPUs, ends in the bits of the simulator, which computes on the host's arrays.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "parley/averaging/schedule.h"
#include "parley/base/mutex.h"
#include "parley/base/random.h"
#include "parley/base/status_macros.h"
#include "parley/comm/communicator.h"
#include "parley/device/device.h"
#include "parley/examples/digits/dataset.h"
#include "parley/examples/digits/experiment.h"
#include "parley/examples/digits/host_averager.h"
#include "parley/examples/digits/rank.h"
#include "parley/tests/fakes/fake_machine.h"
#include "parley/tests/nccl/nccl_world.h"

namespace parley::testing {
namespace {

using digits::Mode;
using digits::TrainingOptions;
using digits::TrainingResult;

const digits::TrainTest& Data() {
  static const auto* const data = new digits::TrainTest(
      digits::SplitTrainTest(*digits::LoadEmbedded(), Random(1)));
  return *data;
}

TrainingResult OnTheSimulator(int ranks, const TrainingOptions& options) {
  digits::ExperimentOptions experiment;
  experiment.training = options;
  experiment.world.ranks = ranks;
  const absl::StatusOr<digits::ExperimentResult> result =
      digits::RunExperiment(Data(), experiment);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? result->training : TrainingResult();
}

struct NcclRun {
  std::vector<TrainingResult> results;  // as each rank has them
  int64_t items = 0;                    // what the devices did
};

// `seed` decides how late the devices do their work.
NcclRun OverNccl(int ranks, const TrainingOptions& options, uint64_t seed) {
  NcclRun run;
  run.results.resize(static_cast<size_t>(ranks));
  const fakes::FakeReport report = RunOnNccl(
      {.ranks = ranks, .seed = seed}, {},
      [&](sim::RankContext& rank) -> absl::Status {
        Communicator& communicator = rank.communicator();
        PARLEY_ASSIGN_OR_RETURN(const TrainingResult mine,
                                digits::RunRank(communicator, Data(), options));
        PARLEY_ASSIGN_OR_RETURN(
            run.results[static_cast<size_t>(rank.rank())],
            digits::GatherResults(communicator, options.mode, mine));
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
  run.items = report.items;
  return run;
}

void ExpectTheSameBits(int ranks, const TrainingOptions& options,
                       int64_t meetings) {
  const TrainingResult expected = OnTheSimulator(ranks, options);
  EXPECT_EQ(expected.meetings, meetings);
  for (const uint64_t seed : {1, 2}) {
    SCOPED_TRACE(absl::StrCat(ranks, " ranks, seed ", seed));
    for (const TrainingResult& result :
         OverNccl(ranks, options, seed).results) {
      EXPECT_EQ(result.meetings, expected.meetings);
      EXPECT_EQ(result.test_accuracy, expected.test_accuracy);
      EXPECT_EQ(result.fingerprint, expected.fingerprint);
    }
  }
}

// Meetings of gradients at steps 0 to 3, of models at 10, 17 and 24, and one at
// the end.
TEST(DigitsTest, Periodic) {
  for (const int ranks : {2, 3, 4}) {
    ExpectTheSameBits(
        ranks,
        {.mode = Mode::kPeriodic, .period = 7, .warmup_steps = 4, .steps = 30},
        4 + 3 + 1);
  }
}

TEST(DigitsTest, PeriodicWithWeights) {
  ExpectTheSameBits(3,
                    {.mode = Mode::kPeriodic,
                     .period = 5,
                     .steps = 23,
                     .sharding = digits::Sharding::kLabel,
                     .weights = {0.5, 0, 3}},
                    4 + 1);
}

TEST(DigitsTest, Synchronous) {
  for (const int ranks : {2, 3}) {
    ExpectTheSameBits(ranks, {.mode = Mode::kSynchronous, .steps = 24}, 24);
  }
}

TEST(DigitsTest, FinalOnly) {
  for (const int ranks : {2, 4}) {
    ExpectTheSameBits(ranks, {.mode = Mode::kFinalOnly, .steps = 40}, 1);
  }
}

TEST(DigitsTest, Never) {
  ExpectTheSameBits(3, {.mode = Mode::kNever, .steps = 20}, 0);
}

// What has not met has not been to the device either.
TEST(DigitsTest, StepsWithoutAMeetingLeaveTheDeviceAlone) {
  const auto items = [](int64_t steps) {
    return OverNccl(2, {.mode = Mode::kFinalOnly, .steps = steps}, 1).items;
  };
  EXPECT_EQ(items(3), items(30));
}

// A meeting that does not come about leaves a copy on its way; whoever takes
// the memory next must find nobody at work in it.
TEST(DigitsTest, AMeetingThatFailsLeavesNoCopyBehind) {
  const fakes::FakeReport report =
      RunOnNccl({.ranks = 1}, {}, [](sim::RankContext& rank) -> absl::Status {
        Communicator& communicator = rank.communicator();
        std::vector<float> values(1000, 1.0f);
        PARLEY_ASSIGN_OR_RETURN(
            std::unique_ptr<digits::HostAverager> averager,
            digits::HostAverager::Create(communicator,
                                         {{"values", absl::MakeSpan(values)}},
                                         PeriodicSchedule({.period = 1})));
        communicator.Abort(absl::CancelledError("no more"));
        EXPECT_EQ(averager->Step().code(),
                  absl::StatusCode::kFailedPrecondition);
        fakes::FakeMachine& machine = *fakes::FakeMachine::Current();
        const auto user = [&](void* memory) {
          MutexLock lock(&machine.mutex());
          fakes::FakeDevice& device = machine.device(0);
          return device.UserOf(*device.memory.Find(memory));
        };
        averager = nullptr;
        for (Allocator* allocator :
             {&communicator.device().allocator(),
              &communicator.device().host_visible_allocator()}) {
          PARLEY_ASSIGN_OR_RETURN(const Allocation next,
                                  Allocation::Create(*allocator, 4000));
          EXPECT_EQ(user(next.data()), "");
        }
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

}  // namespace
}  // namespace parley::testing
