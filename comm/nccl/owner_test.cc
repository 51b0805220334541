// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/nccl/owner.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace parley::nccl {
namespace {

constexpr absl::Duration kLong = absl::Seconds(60);

TEST(OwnerTest, CallsRunOnItsThreadInTheirOrder) {
  Owner owner(SteadyClock(), kLong);
  std::thread::id thread;
  owner.Start([&] { thread = std::this_thread::get_id(); },
              [] { return kNever; });
  std::vector<int> order;
  for (int i = 0; i < 20; ++i) {
    const absl::Status status = owner.Call([&order, &thread, i] {
      EXPECT_EQ(std::this_thread::get_id(), thread);
      order.push_back(i);
      return i == 7 ? absl::DataLossError("seven") : absl::OkStatus();
    });
    EXPECT_EQ(status.code(),
              i == 7 ? absl::StatusCode::kDataLoss : absl::StatusCode::kOk);
  }
  EXPECT_TRUE(owner.Stop());
  EXPECT_NE(thread, std::this_thread::get_id());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(OwnerTest, PollsWhenItSaysSoAndWhenInterrupted) {
  Owner owner(SteadyClock(), kLong);
  std::atomic<int> polls = 0;
  owner.Start([] {},
              [&] {
                ++polls;
                // Twice by itself, then not before it is asked to.
                return polls < 3 ? SteadyClock().NowNs() : kNever;
              });
  SteadyClock().WaitUntil([&] { return polls >= 3; }, kNever);
  owner.Interrupt();
  SteadyClock().WaitUntil([&] { return polls >= 4; }, kNever);
  EXPECT_TRUE(owner.Stop());
}

TEST(OwnerTest, AwaitPollsAndEndsAtTheDeadline) {
  Owner owner(SteadyClock(), kLong);
  std::atomic<int> polls = 0;
  owner.Start([] {},
              [&] {
                ++polls;
                return kNever;
              });
  EXPECT_TRUE(
      owner
          .Call([&] {
            const int before = polls;
            EXPECT_TRUE(
                owner.Await([&] { return polls >= before + 3; }, kNever));
            const int64_t deadline_ns = SteadyClock().NowNs() + 3'000'000;
            EXPECT_FALSE(owner.Await([] { return false; }, deadline_ns));
            EXPECT_GE(SteadyClock().NowNs(), deadline_ns);
            const int quiet = polls;
            EXPECT_FALSE(owner.Await([] { return false; },
                                     SteadyClock().NowNs() + 3'000'000,
                                     /*polls=*/false));
            EXPECT_EQ(polls, quiet);
            return absl::OkStatus();
          })
          .ok());
  EXPECT_TRUE(owner.Stop());
}

// An owner that waits is not one that hangs.
TEST(OwnerTest, LongWaitsAreNoHang) {
  Owner owner(SteadyClock(), absl::Milliseconds(5));
  owner.Start([] {}, [] { return kNever; });
  EXPECT_TRUE(owner
                  .Call([&] {
                    owner.Await([] { return false; },
                                SteadyClock().NowNs() + 60'000'000);
                    return absl::OkStatus();
                  })
                  .ok());
  // Nor is one that has nothing to do.
  Clock& clock = SteadyClock();
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(owner.IsHung());
    clock.WaitUntil([] { return false; }, clock.NowNs() + 10'000'000);
  }
  EXPECT_TRUE(owner.Stop());
}

TEST(OwnerTest, CallThatHangsIsLeftAlone) {
  Owner owner(SteadyClock(), absl::Milliseconds(10));
  owner.Start([] {}, [] { return kNever; });
  auto go = std::make_shared<std::atomic<bool>>(false);
  const auto hang = [go] {
    SteadyClock().WaitUntil([go] { return go->load(); }, kNever);
    return absl::OkStatus();
  };
  const absl::Status status = owner.Call(hang);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("the process must exit"), std::string::npos);
  EXPECT_TRUE(owner.hung());
  // What comes behind is not executed, not even when the call comes back.
  std::atomic<bool> executed = false;
  EXPECT_FALSE(owner
                   .Call([&] {
                     executed = true;
                     return absl::OkStatus();
                   })
                   .ok());
  EXPECT_FALSE(owner.Stop());
  *go = true;
  SteadyClock().Wake();
  owner.Join();
  EXPECT_FALSE(executed);
}

}  // namespace
}  // namespace parley::nccl
