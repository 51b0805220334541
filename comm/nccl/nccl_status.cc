// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/nccl/nccl_status.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace parley {

absl::StatusCode CodeOf(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return absl::StatusCode::kOk;
    case ncclInvalidArgument:
    case ncclInvalidUsage:
      return absl::StatusCode::kInvalidArgument;
    case ncclRemoteError:
    case ncclSystemError:
      return absl::StatusCode::kUnavailable;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::StatusCode CodeOf(NcclFault fault) {
  switch (fault) {
    case NcclFault::kNotInTime:
      return absl::StatusCode::kDeadlineExceeded;
    case NcclFault::kPeerGone:
      return absl::StatusCode::kUnavailable;
    case NcclFault::kOwnAbort:
      return absl::StatusCode::kCancelled;
    case NcclFault::kNotUsable:
      return absl::StatusCode::kFailedPrecondition;
    case NcclFault::kMembersDiffer:
      return absl::StatusCode::kInvalidArgument;
  }
  return absl::StatusCode::kInternal;
}

absl::Status NcclStatus(const NcclApi& api, ncclResult_t result,
                        ncclComm_t comm, absl::string_view what) {
  if (result == ncclSuccess) return absl::OkStatus();
  const char* name = api.GetErrorString(result);
  const char* last = api.GetLastError(comm);
  std::string text =
      absl::StrCat(what, ": ", name == nullptr ? "unknown error" : name, " (",
                   static_cast<int>(result), ")");
  const absl::string_view detail =
      absl::StripAsciiWhitespace(last == nullptr ? "" : last);
  if (!detail.empty()) absl::StrAppend(&text, "; NCCL says: ", detail);
  return absl::Status(CodeOf(result), text);
}

}  // namespace parley
