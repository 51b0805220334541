// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Four ranks, one of which is not like the others.
#include "parley/averaging/header.h"

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/averaging/reduction.h"
#include "parley/base/status_macros.h"
#include "parley/sim/world.h"

namespace parley {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Call {
  Header header;
  Terms terms = {};
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
            call.header, call.terms, call.local, [&] { return call.note; },
            deadline);
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

TEST(HeaderTest, EqualRanksAgree) {
  EXPECT_TRUE(Outcome([](int, Call&) {}).ok());
}

TEST(HeaderTest, EachTermIsCompared) {
  for (int term = 0; term < kNumTerms; ++term) {
    const absl::Status status = Outcome(
        [&](int rank, Call& call) { call.terms[term] = rank == 2 ? 17 : 16; });
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("rank 2 differs from rank 0 in "),
                      ::testing::AnyOf(HasSubstr("17 against 16"),
                                       HasSubstr("0x0000000000000011 against "
                                                 "0x0000000000000010"))));
  }
}

TEST(HeaderTest, TheFirstDifferenceIsNamedWithNotes) {
  EXPECT_EQ(Message([](int rank, Call& call) {
              call.terms[kTermPlan] = call.terms[kTermElements] =
                  static_cast<uint64_t>(rank / 2);
              call.note = absl::StrCat("note ", rank);
            }),
            "rank 2 differs from rank 0 in elements: 1 against 0 (note 2; "
            "against: note 0)");
}

TEST(HeaderTest, ReductionsAreNamed) {
  EXPECT_EQ(Message([](int rank, Call& call) {
              call.terms[kTermReduction] = static_cast<uint64_t>(
                  rank == 1 ? Reduction::kNative : Reduction::kReproducible);
            }),
            "rank 1 differs from rank 0 in reduction: native against "
            "reproducible");
}

TEST(HeaderTest, CallsStepsAndMeetingsAreCompared) {
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

TEST(HeaderTest, FinishServesWhateverOthersAreIn) {
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

TEST(HeaderTest, RebindTakesRanksWhereTheyAre) {
  const absl::Status status = Outcome([](int rank, Call& call) {
    call.header.kind = CallKind::kRebind;
    call.header.step = rank;
    call.header.meetings = rank;
  });
  EXPECT_TRUE(status.ok()) << status;
}

TEST(HeaderTest, TheLowestRankThatRefusesIsQuoted) {
  const absl::Status status = Outcome([](int rank, Call& call) {
    if (rank == 0) call.header.step = 99;
    if (rank > 1) {
      call.local = absl::ResourceExhaustedError(absl::StrCat("no room ", rank));
    }
  });
  EXPECT_EQ(status, absl::ResourceExhaustedError("rank 2: no room 2"));
}

TEST(HeaderTest, LongMessagesAreCut) {
  const std::string message = Message([](int rank, Call& call) {
    if (rank == 1) call.local = absl::InternalError(std::string(1000, 'x'));
  });
  EXPECT_THAT(message, ::testing::EndsWith("xxx..."));
  EXPECT_LT(message.size(), 200);
}

TEST(HeaderTest, AFailedExchangeAbortsTheCommunicator) {
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
