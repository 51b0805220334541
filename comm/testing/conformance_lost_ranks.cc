// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Whom a failure is about, as data: what a recovery acts on.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "parley/base/status_macros.h"
#include "parley/comm/lost_ranks.h"
#include "parley/comm/testing/conformance_cases.h"

namespace parley::testing {
namespace {

using Ranks = std::vector<int>;

constexpr absl::Duration kTimeout = absl::Milliseconds(200);

absl::Status WaitBarrier(Communicator& comm, const CallOptions& options = {}) {
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  PARLEY_ASSIGN_OR_RETURN(Work work, comm.Barrier(*stream, options));
  return work.WaitHost();
}

void Sleep(Clock& clock, absl::Duration duration) {
  clock.WaitUntil([] { return false; },
                  clock.NowNs() + absl::ToInt64Nanoseconds(duration));
}

absl::Status CheckLost(const absl::Status& status, const Ranks& lost,
                       const std::string& where) {
  const Ranks got = LostRanks(status);
  return Check(
      !status.ok() && got == lost,
      absl::StrCat(where, ": lost {", absl::StrJoin(got, ","), "}, expected {",
                   absl::StrJoin(lost, ","), "}: ", status.ToString()));
}

absl::Status RunUntilItFails(Communicator& comm) {
  for (int i = 0; i < 10'000; ++i) {
    Sleep(comm.clock(), absl::Milliseconds(1));
    PARLEY_RETURN_IF_ERROR(WaitBarrier(comm));
  }
  return absl::OkStatus();
}

// Rank 2 of 4 dies, which is rank 1 of a group: the survivors are told so by
// both, in the numbers of each, and exclude whom the status names.
absl::Status SurviveTheDeathOfRank2(Communicator& comm) {
  std::unique_ptr<Communicator> group;
  const Ranks members = {0, 2, 3};
  PARLEY_ASSIGN_OR_RETURN(group,
                          comm.Split(comm.rank() == 1 ? Ranks() : members));
  const absl::Status failed = RunUntilItFails(comm);
  if (comm.rank() == 2) return failed;
  PARLEY_RETURN_IF_ERROR(CheckLost(failed, {2}, "the first to fail"));
  const absl::Status refused = WaitBarrier(comm);
  PARLEY_RETURN_IF_ERROR(
      Check(refused.code() == absl::StatusCode::kFailedPrecondition,
            refused.ToString()));
  PARLEY_RETURN_IF_ERROR(CheckLost(refused, {2}, "the next call"));
  if (group != nullptr) {
    PARLEY_RETURN_IF_ERROR(CheckLost(WaitBarrier(*group), {1}, "the group"));
  }
  PARLEY_ASSIGN_OR_RETURN(auto rest, comm.Shrink(LostRanks(failed)));
  PARLEY_RETURN_IF_ERROR(Check(rest->size() == 3, "size of the rest"));
  return WaitBarrier(*rest);
}

void ADeathIsToldAsData(const ConformanceBackend& backend) {
  if (backend.run_with_a_death == nullptr) return;
  const auto statuses =
      backend.run_with_a_death(4, /*victim=*/2, SurviveTheDeathOfRank2);
  for (const int rank : {0, 1, 3}) {
    EXPECT_TRUE(statuses[rank].ok())
        << "rank " << rank << ": " << statuses[rank];
  }
}

// Rank 2 does not come. Rank 0 knows by whatever means, and aborts for it:
// nobody takes rank 0 for lost, and all hear whom it knows to be.
absl::Status AbortForRank2(Communicator& comm) {
  const Ranks members = {0, 2, 3};
  PARLEY_ASSIGN_OR_RETURN(auto group,
                          comm.Split(comm.rank() == 1 ? Ranks() : members));
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  if (comm.rank() == 2) {
    Sleep(comm.clock(), 4 * kTimeout);
    return absl::OkStatus();
  }
  PARLEY_ASSIGN_OR_RETURN(Work work, comm.Barrier(*stream));
  if (comm.rank() == 0) {
    Sleep(comm.clock(), absl::Milliseconds(1));
    // No communicator of this size has the last of them.
    comm.Abort(WithLostRanks(absl::UnavailableError("it is gone"), {2, 99}));
  }
  const absl::Status failed = work.WaitHost();
  PARLEY_RETURN_IF_ERROR(Check(
      failed.code() == (comm.rank() == 0 ? absl::StatusCode::kCancelled
                                         : absl::StatusCode::kUnavailable),
      failed.ToString()));
  PARLEY_RETURN_IF_ERROR(CheckLost(failed, {2}, "the operation"));
  if (group == nullptr) return absl::OkStatus();
  return CheckLost(WaitBarrier(*group), {1}, "the group");
}

void AnAbortTellsWhomItIsAbout(const ConformanceBackend& backend) {
  if (!backend.names_missing_ranks) return;
  ExpectAllOk(backend, 4, AbortForRank2);
}

// Rank 2 is alive, and does not come.
void ShrinkTellsWhoDoesNotCome(const ConformanceBackend& backend) {
  if (!backend.names_missing_ranks) return;
  ExpectAllOk(backend, 3, [](Communicator& comm) -> absl::Status {
    if (comm.rank() == 2) {
      Sleep(comm.clock(), 4 * kTimeout);
      return absl::OkStatus();
    }
    const absl::Status status = comm.Shrink({}, {.timeout = kTimeout}).status();
    PARLEY_RETURN_IF_ERROR(
        Check(status.code() == absl::StatusCode::kDeadlineExceeded,
              status.ToString()));
    return CheckLost(status, {2}, "Shrink");
  });
}

// A stream carries a failure from the group {1, 2}, whose rank 1 did not come,
// to an operation of the whole, in which nobody is lost for that.
absl::Status FailOnTheStreamOfAGroup(Communicator& comm) {
  PARLEY_ASSIGN_OR_RETURN(auto group,
                          comm.Split(comm.rank() == 0 ? Ranks() : Ranks{1, 2}));
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  if (comm.rank() == 2) {
    Sleep(comm.clock(), 4 * kTimeout);
    return absl::OkStatus();
  }
  if (comm.rank() == 1) {
    PARLEY_ASSIGN_OR_RETURN(Work work,
                            group->Barrier(*stream, {.timeout = kTimeout}));
    PARLEY_RETURN_IF_ERROR(CheckLost(work.WaitHost(), {1}, "the group"));
  }
  PARLEY_ASSIGN_OR_RETURN(Work work, comm.Barrier(*stream));
  const absl::Status status = work.WaitHost();
  PARLEY_RETURN_IF_ERROR(Check(
      status.code() == (comm.rank() == 0 ? absl::StatusCode::kUnavailable
                                         : absl::StatusCode::kDeadlineExceeded),
      status.ToString()));
  return CheckLost(status, {}, "the whole");
}

void AListStaysWithItsCommunicator(const ConformanceBackend& backend) {
  if (!backend.names_missing_ranks) return;
  ExpectAllOk(backend, 3, FailOnTheStreamOfAGroup);
}

}  // namespace

std::vector<ConformanceCase> LostRankCases() {
  return {{"ADeathIsToldAsData", ADeathIsToldAsData},
          {"AnAbortTellsWhomItIsAbout", AnAbortTellsWhomItIsAbout},
          {"ShrinkTellsWhoDoesNotCome", ShrinkTellsWhoDoesNotCome},
          {"AListStaysWithItsCommunicator", AListStaysWithItsCommunicator}};
}

}  // namespace parley::testing
