// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// LostRanks: whom a failure is about, as data beside its message. A recovery
// that excludes ranks must not read English.
//
//   const absl::Status failed = work.WaitHost();
//   PARLEY_ASSIGN_OR_RETURN(auto rest, comm.Shrink(LostRanks(failed)));
//
// The list names who is dead, has left, or did not come in time, and never who
// gave up because of them. It is numbered as in the communicator whose call or
// operation returned the status. It may be short of somebody: what two ranks
// know may differ, and more may be lost meanwhile.
//
// An abort passes the list of its reason on (Communicator::Abort), also to
// communicators that were split from the one aborted, in the numbers of those.
//
// Requires: whoever rewords a status keeps its payloads (base/with_message.h).
//
// Thread-safety: functions of their arguments.
#ifndef PARLEY_COMM_LOST_RANKS_H_
#define PARLEY_COMM_LOST_RANKS_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace parley {

// `status`, an error, with this list instead of any it had; an empty one says
// that nobody is known to be lost. OK stays OK.
absl::Status WithLostRanks(absl::Status status, absl::Span<const int> ranks);

// The list, ascending and without duplicates; empty if there is none.
std::vector<int> LostRanks(const absl::Status& status);

// For backends, between the numbers of a communicator and those of a group of
// its `members`: the places of those of `ranks` that are members, and back.
std::vector<int> PlacesAmong(absl::Span<const int> members,
                             absl::Span<const int> ranks);
std::vector<int> RanksAt(absl::Span<const int> members,
                         absl::Span<const int> places);

}  // namespace parley

#endif  // PARLEY_COMM_LOST_RANKS_H_
