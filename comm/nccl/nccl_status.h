// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Which absl::StatusCode tells of which fault: the one table, for what NCCL
// returns and for what Parley finds out itself.
//
// | fault                                                | code               |
// |------------------------------------------------------|--------------------|
// | ncclInvalidArgument, ncclInvalidUsage                | kInvalidArgument   |
// | ncclRemoteError, ncclSystemError                     | kUnavailable       |
// | ncclUnhandledCudaError, ncclInternalError, any other | kInternal          |
// | an operation was not complete in time                | kDeadlineExceeded  |
// | a communicator could not be made in time             | kDeadlineExceeded  |
// | a peer aborted, left, or gave up before this rank    | kUnavailable       |
// | this rank aborted, or a communicator above this one  | kCancelled         |
// | a call on a failed, aborted or wedged communicator   | kFailedPrecondition|
// | ranks passed different lists of members to Split     | kInvalidArgument   |
// | no libnccl                                           | kNotFound          |
// | a libnccl that is older than 2.18                    | kFailedPrecondition|
//
// A communicator whose ncclCommAbort hangs is *wedged*: its operations keep the
// code of the failure that led to the abort, and the message adds that the
// process must exit.
//
//   PARLEY_RETURN_IF_ERROR(NcclStatus(nccl, nccl.GroupStart(), nullptr,
//                                     "ncclGroupStart"));
//
// Thread-safety: functions of their arguments.
#ifndef PARLEY_COMM_NCCL_NCCL_STATUS_H_
#define PARLEY_COMM_NCCL_NCCL_STATUS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "parley/comm/nccl/nccl_api.h"

namespace parley {

// What Parley finds out itself.
enum class NcclFault {
  kNotInTime,
  kPeerGone,
  kOwnAbort,
  kNotUsable,
  kMembersDiffer,
};

absl::StatusCode CodeOf(ncclResult_t result);
absl::StatusCode CodeOf(NcclFault fault);

// OK for ncclSuccess. Otherwise `what`, the name of the result, and NCCL's own
// words about the last error (of `comm`, which may be null).
absl::Status NcclStatus(const NcclApi& api, ncclResult_t result,
                        ncclComm_t comm, absl::string_view what);

}  // namespace parley

#endif  // PARLEY_COMM_NCCL_NCCL_STATUS_H_
