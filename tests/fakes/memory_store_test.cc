// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/fakes/memory_store.h"

#include <string>

#include "gtest/gtest.h"
#include "parley/sim/world.h"

namespace parley::fakes {
namespace {

TEST(MemoryStoreTest, GetWaitsInVirtualTime) {
  // Two runs take place, hence the keys.
  MemoryStore stores[2];
  int run = 0;
  const auto body = [&](sim::RankContext& rank) -> absl::Status {
    Store& store = stores[run];
    Clock& clock = rank.communicator().clock();
    if (rank.rank() == 0) {
      rank.Compute(absl::Milliseconds(3));
      return store.Set("key", std::string("a\0b", 3));
    }
    const absl::StatusOr<std::string> value =
        store.Get("key", absl::Seconds(1));
    EXPECT_TRUE(value.ok()) << value.status();
    EXPECT_EQ(value.value_or(""), std::string("a\0b", 3));
    EXPECT_EQ(clock.NowNs(), 3'000'000);
    return absl::OkStatus();
  };
  for (const int width : {1, 0}) {
    const sim::Report report =
        sim::World({.ranks = 3, .max_parallel = width}).Run(body);
    EXPECT_TRUE(report.status.ok()) << report;
    ++run;
  }
}

TEST(MemoryStoreTest, GetGivesUpAtItsTimeout) {
  MemoryStore store;
  sim::World({.ranks = 1}).Run([&](sim::RankContext& rank) -> absl::Status {
    const absl::Status status =
        store.Get("absent", absl::Milliseconds(2)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
    EXPECT_NE(std::string(status.message()).find("absent"), std::string::npos);
    EXPECT_EQ(rank.communicator().clock().NowNs(), 2'000'000);
    return absl::OkStatus();
  });
}

TEST(MemoryStoreTest, TimeoutZeroLooksOnce) {
  MemoryStore store;
  sim::World({.ranks = 1}).Run([&](sim::RankContext& rank) -> absl::Status {
    EXPECT_EQ(store.Get("key", absl::ZeroDuration()).status().code(),
              absl::StatusCode::kDeadlineExceeded);
    EXPECT_TRUE(store.Set("key", "1").ok());
    EXPECT_EQ(store.Get("key", absl::ZeroDuration()).value_or(""), "1");
    EXPECT_EQ(rank.communicator().clock().NowNs(), 0);
    return absl::OkStatus();
  });
}

TEST(MemoryStoreTest, SetReplaces) {
  MemoryStore store;
  sim::World({.ranks = 1}).Run([&](sim::RankContext&) -> absl::Status {
    EXPECT_TRUE(store.Set("key", "1").ok());
    EXPECT_TRUE(store.Set("key", "2").ok());
    EXPECT_EQ(store.Get("key", absl::Seconds(1)).value_or(""), "2");
    return absl::OkStatus();
  });
}

// Ranks that write at the same time write in the order of ranks.
TEST(MemoryStoreTest, TiesAreDecidedByRank) {
  for (const int width : {1, 2, 0}) {
    for (int repeat = 0; repeat < 10; ++repeat) {
      MemoryStore store;
      sim::World({.ranks = 4, .max_parallel = width})
          .Run([&](sim::RankContext& rank) -> absl::Status {
            EXPECT_TRUE(store.Set("key", std::to_string(rank.rank())).ok());
            rank.Compute(absl::Microseconds(1));
            EXPECT_EQ(store.Get("key", absl::Seconds(1)).value_or(""), "3");
            return absl::OkStatus();
          });
    }
  }
}

TEST(MemoryStoreTest, RefusesWhatIsTooLong) {
  MemoryStore store;
  sim::World({.ranks = 1}).Run([&](sim::RankContext&) -> absl::Status {
    const std::string key(kMaxStoreKeyBytes + 1, 'k');
    EXPECT_EQ(store.Set(key, "").code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(store.Get(key, absl::Seconds(1)).status().code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(store.Set(std::string(kMaxStoreKeyBytes, 'k'), "").ok());
    return absl::OkStatus();
  });
}

TEST(MemoryStoreTest, RefusesThreadsThatAreNotOfTheWorld) {
  MemoryStore store;
  EXPECT_EQ(store.Set("key", "1").code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store.Get("key", absl::Seconds(1)).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace parley::fakes
