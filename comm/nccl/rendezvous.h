// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Meet: how ranks that have no communicator, or no longer one, agree on
// something through the store. All come with a value each; the first of them,
// the leader, decides on the values, and everybody gets what he decided.
//
//   PARLEY_ASSIGN_OR_RETURN(
//       std::string id,
//       Meet({.store = store, .clock = clock, .name = "world/0/create",
//             .ranks = {0, 1, 2}, .rank = 2, .attempt = 1, .deadline_ns = ...},
//            "", [&](const std::vector<std::string>& values) { ... }));
//
// A member that gave up and comes again passes a higher `attempt`. What was
// decided for other attempts than the present ones is not taken, so a late
// member cannot join those who have stopped waiting for it.
//
// Thread-safety: blocks in the clock and in the store.
#ifndef PARLEY_COMM_NCCL_RENDEZVOUS_H_
#define PARLEY_COMM_NCCL_RENDEZVOUS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "parley/base/clock.h"
#include "parley/comm/store/store.h"

namespace parley::nccl {

struct Meeting {
  Store& store;
  Clock& clock;
  std::string name;        // of keys; of this meeting alone
  std::vector<int> ranks;  // who comes, the leader first
  int rank;                // the caller, one of them
  int64_t attempt;         // the caller's own count
  int64_t deadline_ns;
};

using Decide = absl::FunctionRef<absl::StatusOr<std::string>(
    const std::vector<std::string>& values)>;

// kDeadlineExceeded, naming who did not come (comm/lost_ranks.h has the list),
// at the deadline [10].
absl::StatusOr<std::string> Meet(const Meeting& meeting,
                                 const std::string& value, Decide decide);

}  // namespace parley::nccl

#endif  // PARLEY_COMM_NCCL_RENDEZVOUS_H_
