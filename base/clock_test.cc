// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/base/clock.h"

#include <atomic>
#include <memory>

#include "gtest/gtest.h"

namespace parley {
namespace {

TEST(DeadlineAfterTest, DoesNotOverflow) {
  EXPECT_EQ(DeadlineAfter(5, 7), 12);
  EXPECT_EQ(DeadlineAfter(5, 0), 5);
  EXPECT_EQ(DeadlineAfter(5, kNever), kNever);
  EXPECT_EQ(DeadlineAfter(5, kNever - 5), kNever);
  EXPECT_EQ(DeadlineAfter(5, kNever - 6), kNever - 1);
}

TEST(SteadyClockTest, DoesNotRunBackwards) {
  Clock& clock = SteadyClock();
  int64_t last = clock.NowNs();
  for (int i = 0; i < 1000; ++i) {
    const int64_t now = clock.NowNs();
    EXPECT_GE(now, last);
    last = now;
  }
}

TEST(SteadyClockTest, WaitUntilReturnsAtOnceIfTheConditionHolds) {
  // A condition is looked at before the deadline.
  EXPECT_TRUE(SteadyClock().WaitUntil([] { return true; }, 0));
}

TEST(SteadyClockTest, WaitUntilEndsAtTheDeadline) {
  Clock& clock = SteadyClock();
  EXPECT_FALSE(clock.WaitUntil([] { return false; }, 0));
  const int64_t deadline = clock.NowNs() + 1'000'000;
  EXPECT_FALSE(clock.WaitUntil([] { return false; }, deadline));
  EXPECT_GE(clock.NowNs(), deadline);
}

TEST(SteadyClockTest, WakeMakesWaitersLook) {
  Clock& clock = SteadyClock();
  std::atomic<bool> waiting = false;
  std::atomic<bool> go = false;
  std::atomic<bool> held = false;
  std::unique_ptr<ClockThread> waiter = clock.StartThread("waiter", [&] {
    held = clock.WaitUntil(
        [&] {
          waiting = true;
          return go.load();
        },
        kNever);
  });
  EXPECT_TRUE(clock.WaitUntil([&] { return waiting.load(); }, kNever));
  EXPECT_FALSE(held);
  go = true;
  clock.Wake();
  waiter->Join();
  EXPECT_TRUE(held);
}

TEST(SteadyClockTest, AForgottenWakeOnlyDelays) {
  Clock& clock = SteadyClock();
  std::atomic<bool> go = false;
  std::unique_ptr<ClockThread> setter =
      clock.StartThread("setter", [&] { go = true; });
  EXPECT_TRUE(clock.WaitUntil([&] { return go.load(); }, kNever));
}

TEST(SteadyClockTest, JoinIsIdempotentAndImplied) {
  std::atomic<int> runs = 0;
  {
    std::unique_ptr<ClockThread> thread =
        SteadyClock().StartThread("a", [&] { ++runs; });
    thread->Join();
    EXPECT_EQ(runs, 1);
    thread->Join();
    std::unique_ptr<ClockThread> unjoined =
        SteadyClock().StartThread("b", [&] { ++runs; });
  }
  EXPECT_EQ(runs, 2);
}

}  // namespace
}  // namespace parley
