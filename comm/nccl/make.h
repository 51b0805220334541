// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// How the owner makes NCCL communicators: non-blocking ones, polled until they
// are there or the deadline has come, and aborted if they do not get there.
//
// Thread-safety: for the owner's thread alone, but NewUniqueId.
#ifndef PARLEY_COMM_NCCL_MAKE_H_
#define PARLEY_COMM_NCCL_MAKE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "parley/comm/nccl/group.h"

namespace parley::nccl {

// The bytes of a new unique id; from any thread but the owner's.
absl::StatusOr<std::string> NewUniqueId(const std::shared_ptr<Family>& family);

// Makes `group`'s communicator by ncclCommInitRankConfig, with all others that
// have the unique id `id` (its bytes), by `deadline_ns` [10].
absl::Status InitComm(const std::shared_ptr<Group>& group,
                      const std::string& id, int64_t deadline_ns);

// Splits `parent`, whose members all do so at the same time. `group` is what
// this rank shall be in, null if in none; `color` is the same for its members
// and no others.
absl::Status SplitComm(const std::shared_ptr<Group>& parent,
                       const std::shared_ptr<Group>& group, int color,
                       int64_t deadline_ns);

// Makes `group` of the members of `parent` but `excluded`, by ncclCommShrink.
// `flags` are NCCL's; with NCCL_SHRINK_ABORT, `parent` fails.
absl::Status ShrinkComm(const std::shared_ptr<Group>& parent,
                        const std::shared_ptr<Group>& group,
                        std::vector<int> excluded, int flags,
                        int64_t deadline_ns);

}  // namespace parley::nccl

#endif  // PARLEY_COMM_NCCL_MAKE_H_
