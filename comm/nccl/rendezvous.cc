// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/nccl/rendezvous.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "parley/base/status_macros.h"
#include "parley/comm/lost_ranks.h"
#include "parley/comm/nccl/nccl_status.h"
#include "parley/comm/nccl/peer_notices.h"

namespace parley::nccl {
namespace {

// How often to look for a decision that is about these attempts.
constexpr int64_t kLookNs = 10'000'000;

std::string MemberKey(const Meeting& meeting, int rank) {
  return absl::StrCat(meeting.name, "/member/", rank);
}

absl::Duration Remaining(const Meeting& meeting) {
  return absl::Nanoseconds(
      std::max<int64_t>(0, meeting.deadline_ns - meeting.clock.NowNs()));
}

// What to say at the deadline: who has left no trace.
absl::Status WhoDidNotCome(const Meeting& meeting) {
  std::vector<int> absent;
  for (int rank : meeting.ranks) {
    if (!meeting.store.Get(MemberKey(meeting, rank), absl::ZeroDuration())
             .ok()) {
      absent.push_back(rank);
    }
  }
  const std::string what =
      absent.empty() ? absl::StrCat("rank ", meeting.ranks.front(),
                                    " has not decided, though all have come")
                     : absl::StrCat(RankNames(absent), " did not come");
  return WithLostRanks(absl::Status(CodeOf(NcclFault::kNotInTime),
                                    absl::StrCat(meeting.name, ": ", what)),
                       absent);
}

absl::StatusOr<std::string> Lead(const Meeting& meeting, Decide decide) {
  std::vector<std::string> attempts, values;
  for (int rank : meeting.ranks) {
    const absl::StatusOr<std::string> value =
        meeting.store.Get(MemberKey(meeting, rank), Remaining(meeting));
    if (absl::IsDeadlineExceeded(value.status())) return WhoDidNotCome(meeting);
    PARLEY_RETURN_IF_ERROR(value.status());
    std::pair<std::string, std::string> parts =
        absl::StrSplit(*value, absl::MaxSplits(' ', 1));
    attempts.push_back(std::move(parts.first));
    values.push_back(std::move(parts.second));
  }
  PARLEY_ASSIGN_OR_RETURN(std::string decision, decide(values));
  PARLEY_RETURN_IF_ERROR(meeting.store.Set(
      absl::StrCat(meeting.name, "/decision"),
      absl::StrCat(absl::StrJoin(attempts, ","), " ", decision)));
  return decision;
}

absl::StatusOr<std::string> Follow(const Meeting& meeting) {
  const size_t place = static_cast<size_t>(
      std::find(meeting.ranks.begin(), meeting.ranks.end(), meeting.rank) -
      meeting.ranks.begin());
  while (true) {
    const absl::StatusOr<std::string> value = meeting.store.Get(
        absl::StrCat(meeting.name, "/decision"), Remaining(meeting));
    if (absl::IsDeadlineExceeded(value.status())) return WhoDidNotCome(meeting);
    PARLEY_RETURN_IF_ERROR(value.status());
    std::pair<std::string, std::string> parts =
        absl::StrSplit(*value, absl::MaxSplits(' ', 1));
    const std::vector<std::string> attempts = absl::StrSplit(parts.first, ',');
    if (place < attempts.size() &&
        attempts[place] == absl::StrCat(meeting.attempt)) {
      return std::move(parts.second);
    }
    const int64_t now_ns = meeting.clock.NowNs();
    if (now_ns >= meeting.deadline_ns) return WhoDidNotCome(meeting);
    meeting.clock.WaitUntil(
        [] { return false; },
        std::min(meeting.deadline_ns, DeadlineAfter(now_ns, kLookNs)));
  }
}

}  // namespace

absl::StatusOr<std::string> Meet(const Meeting& meeting,
                                 const std::string& value, Decide decide) {
  PARLEY_RETURN_IF_ERROR(
      meeting.store.Set(MemberKey(meeting, meeting.rank),
                        absl::StrCat(meeting.attempt, " ", value)));
  if (meeting.rank == meeting.ranks.front()) return Lead(meeting, decide);
  return Follow(meeting);
}

}  // namespace parley::nccl
