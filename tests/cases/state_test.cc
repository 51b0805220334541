// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Cases C21 to C23: what a saved state brings back, and what it is refused for.
#include "parley/averaging/state.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "parley/averaging/checkpoint.h"
#include "parley/averaging/model_averager.h"
#include "parley/averaging/parameters.h"
#include "parley/averaging/temporal_average.h"
#include "parley/base/random.h"
#include "parley/base/status_macros.h"
#include "parley/device/cpu/cpu_device.h"
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
using ::testing::StartsWith;

// PyTorch's test trains for 20 steps with these.
constexpr PeriodicScheduleOptions kPyTorch = {.period = 4, .warmup_steps = 10};

// `state` with one field more or another value in it, or without it for null.
SavedState With(const SavedState& state, const char* field,
                const nlohmann::json& value) {
  nlohmann::json description = nlohmann::json::parse(state.description);
  EXPECT_TRUE(description.contains(field)) << state.description;
  if (value.is_null()) {
    description.erase(field);
  } else {
    description[field] = value;
  }
  return {description.dump(), state.tensors};
}

// Rank 0's state after 20 steps.
SavedState StateOfRankZero() {
  SavedState state;
  RunRanks({.ranks = 3}, [&](sim::RankContext& rank) -> absl::Status {
    Replica replica(rank, Layers());
    PARLEY_ASSIGN_OR_RETURN(
        auto averager, MakeAverager(rank.communicator(), replica, kPyTorch));
    for (int64_t step = 0; step < 20; ++step) {
      replica.Train(step);
      PARLEY_RETURN_IF_ERROR(averager->Step().status());
    }
    PARLEY_RETURN_IF_ERROR(replica.CheckOwn(19));
    if (rank.rank() == 0) state = averager->State();
    return absl::OkStatus();
  });
  return state;
}

// Trains from the averager's step to `end` and expects meetings at `meetings`.
absl::Status TrainOn(const TestedAverager& averager, Replica& replica,
                     int ranks, int64_t end,
                     const std::vector<int64_t>& meetings) {
  while (averager->step() < end) {
    const int64_t step = averager->step();
    replica.Train(step);
    PARLEY_RETURN_IF_ERROR(averager->Step().status());
    const bool meets =
        std::find(meetings.begin(), meetings.end(), step) != meetings.end();
    PARLEY_RETURN_IF_ERROR(meets ? replica.CheckMean(Everyone(ranks, step))
                                 : replica.CheckOwn(step));
  }
  return absl::OkStatus();
}

// PyTorch's test: rank 0 saves, all load.
TEST(CasesTest, C21_TheStepIsSavedAndRestored) {
  const std::string path = ::testing::TempDir() + "/c21.safetensors";
  const absl::Status written = WriteCheckpoint(path, StateOfRankZero());
  ASSERT_TRUE(written.ok()) << written;
  RunRanks({.ranks = 3}, [&](sim::RankContext& rank) -> absl::Status {
    Replica replica(rank, Layers());
    PARLEY_ASSIGN_OR_RETURN(
        auto averager, MakeAverager(rank.communicator(), replica, kPyTorch));
    PARLEY_ASSIGN_OR_RETURN(const Checkpoint saved, ReadCheckpoint(path));
    PARLEY_RETURN_IF_ERROR(averager->Restore(saved.state));
    EXPECT_EQ(averager->step(), 20);
    EXPECT_EQ(averager->next_meeting(), 22);
    EXPECT_EQ(averager->State().description, saved.state.description);
    return TrainOn(averager, replica, 3, 30, {22, 26});
  });
}

TEST(CasesTest, C21_AMissingStepIsAnError) {
  const SavedState without = With(StateOfRankZero(), "step", nullptr);
  RunRanks({.ranks = 3}, [&](sim::RankContext& rank) -> absl::Status {
    Replica replica(rank, Layers());
    PARLEY_ASSIGN_OR_RETURN(
        auto averager, MakeAverager(rank.communicator(), replica, kPyTorch));
    PARLEY_RETURN_IF_ERROR(TrainOn(averager, replica, 3, 7, {}));
    EXPECT_EQ(averager->Restore(without),
              absl::InvalidArgumentError("state: step: missing"));
    EXPECT_EQ(averager->step(), 7);
    return TrainOn(averager, replica, 3, 12, {10});
  });
}

TEST(CasesTest, C21_AMissingStepIsAWarningAndZeroWhereThatIsAskedFor) {
  const SavedState complete = StateOfRankZero();
  const SavedState without = With(complete, "step", nullptr);
  RunRanks({.ranks = 3}, [&](sim::RankContext& rank) -> absl::Status {
    Recorder recorder;
    Replica replica(rank, Layers());
    ModelAveragerOptions options =
        Periodic(rank.communicator(), replica, kPyTorch);
    options.missing_step = MissingStep::kPyTorchCompatible;
    options.observer = &recorder;
    PARLEY_ASSIGN_OR_RETURN(auto averager,
                            TestedAverager::Create(std::move(options)));
    // With a step in it, the option does nothing.
    PARLEY_RETURN_IF_ERROR(averager->Restore(complete));
    EXPECT_EQ(averager->step(), 20);
    EXPECT_THAT(recorder.warnings(), IsEmpty());

    PARLEY_RETURN_IF_ERROR(averager->Restore(without));
    EXPECT_THAT(recorder.warnings(),
                ElementsAre("the state has no step; starting at step 0, with a "
                            "new warm-up"));
    EXPECT_EQ(averager->step(), 0);
    EXPECT_EQ(averager->next_meeting(), 10);
    return TrainOn(averager, replica, 3, 16, {10, 14});
  });
}

// C22: what a rank has at the end of a part of its training.
struct Saved {
  std::string model;
  std::string averager;
};

// And all that was to be seen on the way.
using Trajectory = std::vector<std::string>;

constexpr int kRanks = 3;

// Rank 0 stops at the last meeting, that of step 11, and the others do not: who
// has moved since then is a part of the state.
constexpr int64_t StepsOf(int rank) { return rank == 0 ? 12 : 14; }

// A step from where the model is, not to where its number says.
void Descend(int rank, int64_t step, Replica& replica) {
  Random random = Random(22)
                      .Fork("rank", static_cast<uint64_t>(rank))
                      .Fork("step", static_cast<uint64_t>(step));
  for (float& x : replica.Values<float>("w")) {
    x += 0.25f * (static_cast<float>(random.UniformDouble()) - x);
  }
}

// One step of the loop, told to `seen`.
absl::Status Step(const TestedAverager& averager, int rank, Replica& replica,
                  Trajectory& seen) {
  const int64_t step = averager->step();
  Descend(rank, step, replica);
  StepOptions options;
  options.weight = 1 + static_cast<double>((rank + step) % 3);
  options.learning_rate = 1 / (static_cast<double>(step) + 1);
  options.loss = rank + 0.25;
  PARLEY_ASSIGN_OR_RETURN(StepReport report, averager->Step(options));
  // A meeting between those of the schedule.
  if (step == 5) {
    PARLEY_ASSIGN_OR_RETURN(report, averager->AverageNow(options));
  }
  seen.push_back(absl::StrCat(report.step, " ", report.met, " ",
                              report.meetings, " ", report.model_fingerprint,
                              " ", averager->next_meeting(), " ",
                              absl::BytesToHexString(replica.Bytes())));
  return absl::OkStatus();
}

// Trains all ranks in a new world from where `saved` is to step `end`, and
// finishes behind the last one.
void TrainAPart(int64_t end, std::vector<Saved>& saved,
                std::vector<Trajectory>& seen) {
  const std::vector<Saved> before = saved;
  const std::vector<Trajectory> seen_before = seen;
  RunRanks({.ranks = kRanks}, [&](sim::RankContext& rank) -> absl::Status {
    const auto r = static_cast<size_t>(rank.rank());
    Replica replica(rank, {{.tensors = {{.name = "w", .shape = {50}}}}});
    for (float& x : replica.Values<float>("w")) x = 0;
    PARLEY_ASSIGN_OR_RETURN(auto averager,
                            MakeAverager(rank.communicator(), replica,
                                         {.period = 4, .warmup_steps = 3}));
    if (!before[r].averager.empty()) {
      replica.SetBytes(before[r].model);
      PARLEY_RETURN_IF_ERROR(averager->Restore({before[r].averager, {}}));
    }
    seen[r] = seen_before[r];
    while (averager->step() < std::min(end, StepsOf(rank.rank()))) {
      PARLEY_RETURN_IF_ERROR(Step(averager, rank.rank(), replica, seen[r]));
    }
    saved[r] = {replica.Bytes(), averager->State().description};
    if (end < StepsOf(1)) return absl::OkStatus();
    PARLEY_RETURN_IF_ERROR(averager->Finish());
    seen[r].push_back(absl::StrCat(averager->last_meeting().ranks, " ",
                                   absl::BytesToHexString(replica.Bytes())));
    return absl::OkStatus();
  });
}

TEST(CasesTest, C22_ResumingAtAnyStepGoesOnWithTheSameBits) {
  const int64_t end = StepsOf(1);
  std::vector<Saved> saved(kRanks);
  std::vector<Trajectory> straight(kRanks);
  TrainAPart(end, saved, straight);
  for (int r = 0; r < kRanks; ++r) {
    const Trajectory& seen = straight[static_cast<size_t>(r)];
    ASSERT_EQ(seen.size(), static_cast<size_t>(StepsOf(r) + 1));
    // Ranks 1 and 2 alone have moved.
    EXPECT_THAT(seen.back(), StartsWith("2 "));
    EXPECT_EQ(seen.back(), straight[0].back());
    EXPECT_NE(seen[8], straight[static_cast<size_t>(r + 1) % kRanks][8]);
    EXPECT_THAT(seen[2], StartsWith("2 0 0 0 3 "));
    EXPECT_THAT(seen[3], StartsWith("3 1 1 "));
    EXPECT_THAT(seen[7], StartsWith("7 1 3 "));
    EXPECT_THAT(seen[11], StartsWith("11 1 4 "));
  }
  for (int64_t stop = 0; stop < end; ++stop) {
    std::vector<Saved> resumed(kRanks);
    std::vector<Trajectory> seen(kRanks);
    TrainAPart(stop, resumed, seen);
    TrainAPart(end, resumed, seen);
    EXPECT_EQ(seen, straight) << "resumed at step " << stop;
    for (size_t r = 0; r < kRanks; ++r) {
      EXPECT_EQ(resumed[r].averager, saved[r].averager);
    }
  }
}

// C23: what was saved by two ranks of this model and schedule.
constexpr PeriodicScheduleOptions kSavedSchedule = {.period = 4,
                                                    .warmup_steps = 1};

std::vector<GroupSpec> SavedModel() {
  return {{.tensors = {{.name = "w", .shape = {3, 4}}}}};
}

SavedState StateToLoad() {
  SavedState state;
  RunRanks({.ranks = 2}, [&](sim::RankContext& rank) -> absl::Status {
    Replica replica(rank, SavedModel());
    PARLEY_ASSIGN_OR_RETURN(
        auto averager,
        MakeAverager(rank.communicator(), replica, kSavedSchedule));
    PARLEY_RETURN_IF_ERROR(TrainOn(averager, replica, 2, 3, {1}));
    if (rank.rank() == 0) state = averager->State();
    return absl::OkStatus();
  });
  return state;
}

// What `state` is refused with by an averager of this configuration, which is
// unchanged and goes on to its next meeting.
std::string LoadError(const SavedState& state,
                      const PeriodicScheduleOptions& schedule = kSavedSchedule,
                      const std::vector<GroupSpec>& model = SavedModel(),
                      int ranks = 2) {
  std::string error;
  RunRanks({.ranks = ranks}, [&](sim::RankContext& rank) -> absl::Status {
    Replica replica(rank, model);
    PARLEY_ASSIGN_OR_RETURN(
        auto averager, MakeAverager(rank.communicator(), replica, schedule));
    PARLEY_RETURN_IF_ERROR(averager->Step().status());
    const std::string before = averager->State().description;
    const int64_t next = averager->next_meeting();
    const absl::Status status = averager->Restore(state);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(averager->State().description, before);
    EXPECT_EQ(averager->step(), 1);
    EXPECT_EQ(averager->next_meeting(), next);
    if (rank.rank() == 0) error = std::string(status.message());
    return TrainOn(averager, replica, ranks, next + 1, {next});
  });
  return error;
}

TEST(CasesTest, C23_AnotherScheduleIsNamedByField) {
  const SavedState state = StateToLoad();
  EXPECT_EQ(LoadError(state, {.period = 8, .warmup_steps = 1}),
            "state: schedule.period: 4 in the state, 8 here");
  EXPECT_EQ(LoadError(state, {.period = 4, .warmup_steps = 5}),
            "state: schedule.warmup_steps: 1 in the state, 5 here");
  EXPECT_EQ(LoadError(state, {.period = 4,
                              .warmup_steps = 1,
                              .first = FirstMeeting::kAfterPeriod}),
            "state: schedule.first: at_warmup in the state, after_period here");
}

TEST(CasesTest, C23_AnotherWorldIsNamed) {
  const SavedState state = StateToLoad();
  for (int ranks : {3, 4}) {
    EXPECT_EQ(
        LoadError(state, kSavedSchedule, SavedModel(), ranks),
        absl::StrCat("state: world_size: 2 in the state, ", ranks, " here"));
  }
}

TEST(CasesTest, C23_AnotherModelIsNamed) {
  const SavedState state = StateToLoad();
  const std::vector<TensorSpec> others = {
      {.name = "v", .shape = {3, 4}},
      {.name = "w", .shape = {4, 3}},
      {.name = "w", .shape = {3, 4}, .strides = {1, 3}},
      {.name = "w", .dtype = DType::kBFloat16, .shape = {3, 4}}};
  for (const TensorSpec& other : others) {
    EXPECT_THAT(LoadError(state, kSavedSchedule, {{.tensors = {other}}}),
                StartsWith("state: parameters: 0x"));
  }
  EXPECT_THAT(LoadError(state, kSavedSchedule,
                        {{Policy::kBroadcast, SavedModel()[0].tensors}}),
              StartsWith("state: parameters: 0x"));
}

TEST(CasesTest, C23_WhatIsNoStateIsNamed) {
  const SavedState state = StateToLoad();
  CpuDevice device;
  Replica replica(0, SavedModel());
  const auto ema = TemporalAverage::Create(replica.Parameters(), device, {});
  ASSERT_TRUE(ema.ok()) << ema.status();
  EXPECT_EQ(LoadError((*ema)->State()),
            "state: kind: temporal_average in the state, model_averager here");
  EXPECT_EQ(LoadError(With(state, "schema_version", 2)),
            "state: schema_version: 2 in the state, 1 here");
  EXPECT_EQ(LoadError(With(state, "step", -3)),
            "state: step: -3, must be at least 0");
  EXPECT_EQ(LoadError(With(state, "next_meeting", 2)),
            "state: next_meeting: 2, must be at least 3");
  EXPECT_EQ(LoadError(With(state, "meetings", nullptr)),
            "state: meetings: missing");
  EXPECT_EQ(LoadError(With(state, "model_fingerprint", "0x12")),
            "state: model_fingerprint: 0x12, must be 0x and 16 hex digits");
  EXPECT_THAT(LoadError(With(state, "step", 2)),
              StartsWith("state: checksum: 0x"));
  EXPECT_THAT(LoadError({"step 3", {}}), HasSubstr("not a JSON object"));
}

}  // namespace
}  // namespace parley::testing
