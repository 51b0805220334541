// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What ranks say to each other through the store: Meet, and PeerNotices.
#include "parley/comm/nccl/rendezvous.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/comm/lost_ranks.h"
#include "parley/comm/nccl/peer_notices.h"
#include "parley/comm/nccl/tables_for_tests.h"

namespace parley::nccl {
namespace {

using ::parley::testing::MapStore;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::StatusOr<std::string> Join(const std::vector<std::string>& values) {
  return absl::StrJoin(values, "+");
}

class RendezvousTest : public ::testing::Test {
 protected:
  Meeting At(int rank, int64_t attempt = 1,
             absl::Duration timeout = absl::Seconds(30)) {
    return {.store = store_,
            .clock = SteadyClock(),
            .name = "meeting",
            .ranks = {1, 4, 6},
            .rank = rank,
            .attempt = attempt,
            .deadline_ns = DeadlineAfter(SteadyClock().NowNs(),
                                         absl::ToInt64Nanoseconds(timeout))};
  }

  MapStore store_;
};

TEST_F(RendezvousTest, TheFirstDecidesForAll) {
  std::vector<absl::StatusOr<std::string>> results(
      3, absl::UnknownError("not run"));
  std::vector<std::unique_ptr<ClockThread>> threads;
  const int ranks[] = {1, 4, 6};
  for (size_t i = 0; i < 3; ++i) {
    threads.push_back(SteadyClock().StartThread("rank", [&, i] {
      // Values may hold anything, blanks and nothing among it.
      results[i] = Meet(
          At(ranks[i]), i == 2 ? "" : absl::StrCat("v ", i),
          i == 0 ? Decide(Join) : [](const auto&) {
            return absl::StatusOr<std::string>("not asked");
          });
    }));
  }
  for (auto& thread : threads) thread->Join();
  for (const auto& result : results) {
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(*result, "v 0+v 1+");
  }
}

TEST_F(RendezvousTest, WhoDoesNotComeIsNamed) {
  for (int rank : {1, 6}) {
    const absl::Status status =
        Meet(At(rank, 1, absl::Milliseconds(20)), "", Join).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(rank == 1 ? "ranks 4 and 6 did not come"
                                    : "rank 4 did not come"));
    if (rank == 1) {
      EXPECT_THAT(LostRanks(status), ElementsAre(4, 6));
    } else {
      EXPECT_THAT(LostRanks(status), ElementsAre(4));
    }
  }
}

TEST_F(RendezvousTest, ALeaderWhoGaveUpIsNoLeader) {
  ASSERT_TRUE(store_.Set("meeting/member/1", "1 ").ok());
  ASSERT_TRUE(store_.Set("meeting/member/4", "1 ").ok());
  const absl::Status status =
      Meet(At(6, 1, absl::Milliseconds(20)), "", Join).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("rank 1 has not decided"));
}

// A decision about an attempt that this rank gave up is not for this one.
TEST_F(RendezvousTest, OldDecisionsAreNotTaken) {
  ASSERT_TRUE(store_.Set("meeting/decision", "1,1,1 old").ok());
  EXPECT_FALSE(Meet(At(6, 2, absl::Milliseconds(20)), "", Join).ok());
  auto late = SteadyClock().StartThread("leader", [&] {
    // It comes while rank 6 waits.
    Clock& clock = SteadyClock();
    while (*store_.Get("meeting/member/6", absl::ZeroDuration()) != "3 again") {
      clock.WaitUntil([] { return false; }, clock.NowNs() + 1'000'000);
    }
    ASSERT_TRUE(store_.Set("meeting/member/4", "7 b").ok());
    EXPECT_TRUE(Meet(At(1, 5), "a", Join).ok());
  });
  const auto result = Meet(At(6, 3), "again", Join);
  late->Join();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, "a+b+again");
}

TEST_F(RendezvousTest, NoticesArriveAtOthers) {
  PeerNotices rank0(&store_, "world", 0, 3), rank2(&store_, "world", 2, 3);
  EXPECT_FALSE(rank0.Look().has_value());
  rank2.Post(PeerNotice::kAborted, 17, "operator said: stop now", {0, 1});
  EXPECT_FALSE(rank2.Look().has_value());  // its own
  const auto notice = rank0.Look();
  ASSERT_TRUE(notice.has_value());
  EXPECT_EQ(notice->rank, 2);
  EXPECT_EQ(notice->operations, 17);
  EXPECT_THAT(notice->lost, ElementsAre(0, 1));
  EXPECT_EQ(notice->ToString(), "rank 2 aborted: operator said: stop now");
  // Of another communicator.
  EXPECT_FALSE(PeerNotices(&store_, "world/1", 0, 3).Look().has_value());
  for (const char* nonsense :
       {"nonsense", "1 2 17 why", "1 2 17 3 a rank of 3", "1 2 17 -1 negative",
        "1 2 17 0,x no rank", "5 2 17 - no such kind"}) {
    ASSERT_TRUE(store_.Set("world/notice", nonsense).ok());
    EXPECT_FALSE(rank0.Look().has_value()) << nonsense;
  }
}

TEST_F(RendezvousTest, AbsentAreThoseWhoAreNotAsFar) {
  PeerNotices rank0(&store_, "world", 0, 4), rank2(&store_, "world", 2, 4);
  EXPECT_THAT(rank0.Others(), ElementsAre(1, 2, 3));
  EXPECT_THAT(rank0.Absent(5, {1, 2, 3}), ElementsAre(1, 2, 3));
  rank2.PostProgress(5);  // it has called 0 to 4
  EXPECT_THAT(rank0.Absent(5, {1, 2, 3}), ElementsAre(1, 2, 3));
  EXPECT_THAT(rank0.Absent(4, {1, 2, 3}), ElementsAre(1, 3));
  EXPECT_THAT(rank0.Absent(4, {2}), IsEmpty());
}

TEST_F(RendezvousTest, WithoutAStoreNothingIsKnown) {
  PeerNotices alone(nullptr, "world", 0, 1);
  alone.Post(PeerNotice::kLeft, 0, "");
  alone.PostProgress(1);
  EXPECT_FALSE(alone.Look().has_value());
  EXPECT_THAT(alone.Absent(0, {1}), IsEmpty());
}

TEST_F(RendezvousTest, NamesOfRanks) {
  EXPECT_EQ(RankNames({3}), "rank 3");
  EXPECT_EQ(RankNames({1, 5}), "ranks 1 and 5");
  EXPECT_EQ(RankNames({1, 2, 5}), "ranks 1, 2 and 5");
}

}  // namespace
}  // namespace parley::nccl
