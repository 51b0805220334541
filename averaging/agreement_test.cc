// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Four ranks, one of which is not like the others.
#include "parley/averaging/agreement.h"

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/base/status_macros.h"
#include "parley/sim/world.h"

namespace parley {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Call {
  Header header;
  Description description;
  absl::Status local;
  std::string note;
};

// What all ranks get, when `change` is applied to those ranks that it picks.
absl::Status Outcome(const std::function<void(int rank, Call& call)>& change) {
  sim::World world({.ranks = 4});
  const sim::Report report =
      world.Run([&](sim::RankContext& rank) -> absl::Status {
        PARLEY_ASSIGN_OR_RETURN(auto agreement,
                                Agreement::Create(rank.communicator()));
        Call call;
        call.header.step = 8;
        call.header.weight = rank.rank();
        change(rank.rank(), call);
        const Deadline deadline(rank.communicator().clock(),
                                absl::ZeroDuration());
        const absl::Status status = agreement->Reach(
            call.header, call.description, call.local,
            [&] { return call.note; }, deadline);
        for (int r = 0; status.ok() && r < rank.size(); ++r) {
          EXPECT_EQ(agreement->headers()[r].weight, r);
        }
        EXPECT_FALSE(rank.communicator().aborted());
        return status;
      });
  for (const sim::RankReport& rank : report.ranks) {
    EXPECT_EQ(rank.status, report.ranks[0].status);
  }
  return report.ranks[0].status;
}

std::string Message(const std::function<void(int rank, Call& call)>& change) {
  return std::string(Outcome(change).message());
}

TEST(AgreementTest, EqualRanksAgree) {
  EXPECT_TRUE(Outcome([](int, Call&) {}).ok());
}

TEST(AgreementTest, EachFieldIsCompared) {
  for (const char* name : {"first", "second", "third"}) {
    const absl::Status status = Outcome([&](int rank, Call& call) {
      call.description.Set("first", 16);
      call.description.Set("second", 16);
      call.description.Set("third", 16);
      if (rank == 2) call.description.Set(name, 17);
    });
    EXPECT_EQ(status,
              absl::InvalidArgumentError(absl::StrCat(
                  "rank 2 differs from rank 0 in ", name, ": 17 against 16")));
  }
}

TEST(AgreementTest, TheFirstDifferenceIsNamedWithNotes) {
  EXPECT_EQ(Message([](int rank, Call& call) {
              call.description.Set("elements", int64_t{rank / 2});
              call.description.Set("plan", int64_t{rank / 2});
              call.note = absl::StrCat("note ", rank);
            }),
            "rank 2 differs from rank 0 in elements: 1 against 0 (note 2; "
            "against: note 0)");
}

TEST(AgreementTest, CallsStepsAndMeetingsAreCompared) {
  EXPECT_EQ(Message([](int rank, Call& call) { call.header.step = 8 + rank; }),
            "rank 1 differs from rank 0 in the step: 9 against 8");
  EXPECT_EQ(Message([](int rank, Call& call) {
              if (rank == 3) call.header.kind = CallKind::kAverageNow;
            }),
            "rank 3 differs from rank 0 in the call: AverageNow() against "
            "Step()");
  EXPECT_EQ(Message([](int rank, Call& call) {
              if (rank == 3) call.header.meetings = 1;
            }),
            "rank 3 differs from rank 0 in meetings: 1 against 0");
}

TEST(AgreementTest, FinishServesWhateverOthersAreIn) {
  for (CallKind kind :
       {CallKind::kStep, CallKind::kAverageNow, CallKind::kFinish}) {
    const absl::Status status = Outcome([&](int rank, Call& call) {
      call.header.kind = rank == 0 ? CallKind::kFinish : kind;
      if (rank == 0) call.header.step = 3;
    });
    EXPECT_TRUE(status.ok()) << status;
  }
  EXPECT_EQ(Message([&](int rank, Call& call) {
              call.header.kind =
                  rank == 0 ? CallKind::kFinish : CallKind::kCreate;
            }),
            "rank 0 differs from rank 1 in the call: Finish() against "
            "Create()");
  // Those who are still training are compared among themselves.
  EXPECT_EQ(Message([&](int rank, Call& call) {
              if (rank == 0) call.header.kind = CallKind::kFinish;
              call.header.step = rank == 3 ? 12 : 8;
            }),
            "rank 3 differs from rank 1 in the step: 12 against 8");
}

TEST(AgreementTest, RebindTakesRanksWhereTheyAre) {
  const absl::Status status = Outcome([](int rank, Call& call) {
    call.header.kind = CallKind::kRebind;
    call.header.step = rank;
    call.header.meetings = rank;
  });
  EXPECT_TRUE(status.ok()) << status;
}

TEST(AgreementTest, TheLowestRankThatRefusesIsQuoted) {
  const absl::Status status = Outcome([](int rank, Call& call) {
    if (rank == 0) call.header.step = 99;
    if (rank > 1) {
      call.local = absl::ResourceExhaustedError(absl::StrCat("no room ", rank));
    }
  });
  EXPECT_EQ(status, absl::ResourceExhaustedError("rank 2: no room 2"));
}

TEST(AgreementTest, LongMessagesAreCut) {
  const std::string message = Message([](int rank, Call& call) {
    if (rank == 1) call.local = absl::InternalError(std::string(1000, 'x'));
  });
  EXPECT_THAT(message, ::testing::EndsWith("xxx..."));
  EXPECT_LT(message.size(), 200);
}

TEST(AgreementTest, AFailedExchangeAbortsTheCommunicator) {
  sim::WorldOptions options;
  options.ranks = 2;
  sim::World world(options);
  const sim::Report report =
      world.Run([](sim::RankContext& rank) -> absl::Status {
        PARLEY_ASSIGN_OR_RETURN(auto agreement,
                                Agreement::Create(rank.communicator()));
        if (rank.rank() == 1) return absl::OkStatus();
        const Deadline deadline(rank.communicator().clock(),
                                absl::Milliseconds(1));
        const absl::Status status = agreement->Reach(
            {}, {}, absl::OkStatus(), [] { return std::string(); }, deadline);
        EXPECT_THAT(
            std::string(status.message()),
            AllOf(HasSubstr("exchange of headers"), HasSubstr("rank 1")));
        EXPECT_TRUE(rank.communicator().aborted());
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.status.ok()) << report;
}

}  // namespace
}  // namespace parley
