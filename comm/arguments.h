// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What every backend checks in a call before anything is enqueued, written
// once, so that all refuse the same arguments with the same words.
#ifndef PARLEY_COMM_ARGUMENTS_H_
#define PARLEY_COMM_ARGUMENTS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "parley/comm/communicator.h"

namespace parley {

absl::Status CheckAllToAll(const Communicator& comm, DeviceId device,
                           TensorList send, TensorList recv);
absl::Status CheckAllGather(const Communicator& comm, DeviceId device,
                            TensorList send, TensorList recv);
absl::Status CheckBroadcast(const Communicator& comm, DeviceId device,
                            TensorList tensors, int root);
absl::Status CheckAllReduce(const Communicator& comm, DeviceId device,
                            TensorList send, TensorList recv, ReduceOp op);

// What an Abort() passes on of its reason: an error in any case, whose list of
// lost ranks (comm/lost_ranks.h) has none that `comm` has not.
absl::Status AbortReason(const Communicator& comm, const absl::Status& reason);

// A stream of `device`, the communicator's; for calls, and for Work::Wait.
absl::Status CheckStream(absl::string_view op, Device& device, Stream& stream);

// Ranks ascending, without duplicates, inside the group.
absl::Status CheckRankList(const Communicator& comm, const char* op,
                           absl::Span<const int> ranks);

}  // namespace parley

#endif  // PARLEY_COMM_ARGUMENTS_H_
