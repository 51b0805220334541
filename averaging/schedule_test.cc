// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/schedule.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace parley {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Recorder : public Observer {
 public:
  void OnWarning(absl::string_view message) override {
    warnings.emplace_back(message);
  }
  std::vector<std::string> warnings;
};

// The definitions that Next() must agree with.
bool Fires(const PeriodicScheduleOptions& options, int64_t step) {
  const int64_t since = step - options.warmup_steps;
  if (since < 0) return false;
  return options.first == FirstMeeting::kAtWarmup
             ? since % options.period == 0
             : since % options.period == options.period - 1;
}

TEST(PeriodicScheduleTest, NextIsTheFirstStepThatFires) {
  for (FirstMeeting first :
       {FirstMeeting::kAtWarmup, FirstMeeting::kAfterPeriod}) {
    for (int64_t period : {1, 2, 3, 4, 7}) {
      for (int64_t warmup : {0, 1, 5, 12, 13}) {
        const PeriodicScheduleOptions options = {period, warmup, first};
        const auto schedule = PeriodicSchedule(options);
        for (int64_t step = 0; step < 40; ++step) {
          int64_t expected = step;
          while (!Fires(options, expected)) ++expected;
          EXPECT_EQ(schedule->Next({step, 0}, {}).step, expected)
              << ToString(*schedule) << " at " << step;
        }
      }
    }
  }
}

TEST(PeriodicScheduleTest, NumbersBeyondAllStepsNeverCome) {
  const auto schedule = PeriodicSchedule({.period = kNoMeeting - 1,
                                          .warmup_steps = 5,
                                          .first = FirstMeeting::kAfterPeriod});
  EXPECT_EQ(schedule->Next({0, 0}, {}).step, kNoMeeting);
  const auto at_warmup =
      PeriodicSchedule({.period = kNoMeeting, .warmup_steps = 5});
  EXPECT_EQ(at_warmup->Next({0, 0}, {}).step, 5);
  EXPECT_EQ(at_warmup->Next({6, 0}, {}).step, kNoMeeting);
}

TEST(PeriodicScheduleTest, BadValuesAreRefusedWithTheValue) {
  Recorder recorder;
  EXPECT_EQ(PeriodicSchedule({.period = -3})->Check(recorder),
            absl::InvalidArgumentError("period: -3, must be at least 1"));
  EXPECT_EQ(PeriodicSchedule({.period = 0})->Check(recorder),
            absl::InvalidArgumentError("period: 0, must be at least 1"));
  EXPECT_EQ(
      PeriodicSchedule({.period = 4, .warmup_steps = -1})->Check(recorder),
      absl::InvalidArgumentError("warmup_steps: -1, must be at least 0"));
  EXPECT_THAT(recorder.warnings, IsEmpty());
}

TEST(PeriodicScheduleTest, PeriodOneWarns) {
  Recorder recorder;
  EXPECT_TRUE(PeriodicSchedule({.period = 2})->Check(recorder).ok());
  EXPECT_THAT(recorder.warnings, IsEmpty());
  EXPECT_TRUE(PeriodicSchedule({.period = 1})->Check(recorder).ok());
  EXPECT_THAT(recorder.warnings, ElementsAre(HasSubstr("period: 1")));
}

TEST(PeriodicScheduleTest, DescribesAllItDependsOn) {
  EXPECT_EQ(ToString(*PeriodicSchedule({.period = 8, .warmup_steps = 500})),
            "periodic, period 8, warmup_steps 500, first at_warmup");
  EXPECT_EQ(ToString(*PeriodicSchedule(
                {.period = 8, .first = FirstMeeting::kAfterPeriod})),
            "periodic, period 8, warmup_steps 0, first after_period");
}

}  // namespace
}  // namespace parley
