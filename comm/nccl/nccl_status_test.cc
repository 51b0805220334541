// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/nccl/nccl_status.h"

#include <string>

#include "gtest/gtest.h"

namespace parley {
namespace {

const char* last_error = nullptr;

NcclApi Table() {
  NcclApi api = {};
  api.GetErrorString = [](ncclResult_t) { return "remote process exited"; };
  api.GetLastError = [](ncclComm_t) { return last_error; };
  return api;
}

TEST(NcclStatusTest, SuccessIsOk) {
  EXPECT_TRUE(NcclStatus(Table(), ncclSuccess, nullptr, "ncclSend").ok());
}

TEST(NcclStatusTest, MessageHasAllThatNcclSays) {
  last_error = "\nNET/Socket: connection reset by peer 10.0.0.7\n";
  const absl::Status status =
      NcclStatus(Table(), ncclRemoteError, nullptr, "ncclSend");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(),
            "ncclSend: remote process exited (6); NCCL says: NET/Socket: "
            "connection reset by peer 10.0.0.7");
}

TEST(NcclStatusTest, NothingIsQuotedWhereNcclSaysNothing) {
  for (const char* nothing : {static_cast<const char*>(nullptr), "", " \n"}) {
    last_error = nothing;
    EXPECT_EQ(
        NcclStatus(Table(), ncclInternalError, nullptr, "ncclSend").message(),
        "ncclSend: remote process exited (3)");
  }
}

TEST(NcclStatusTest, Codes) {
  using absl::StatusCode;
  EXPECT_EQ(CodeOf(ncclSuccess), StatusCode::kOk);
  EXPECT_EQ(CodeOf(ncclUnhandledCudaError), StatusCode::kInternal);
  EXPECT_EQ(CodeOf(ncclSystemError), StatusCode::kUnavailable);
  EXPECT_EQ(CodeOf(ncclInternalError), StatusCode::kInternal);
  EXPECT_EQ(CodeOf(ncclInvalidArgument), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(ncclInvalidUsage), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(ncclRemoteError), StatusCode::kUnavailable);
  EXPECT_EQ(CodeOf(ncclInProgress), StatusCode::kInternal);
  EXPECT_EQ(CodeOf(NcclFault::kNotInTime), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(CodeOf(NcclFault::kPeerGone), StatusCode::kUnavailable);
  EXPECT_EQ(CodeOf(NcclFault::kOwnAbort), StatusCode::kCancelled);
  EXPECT_EQ(CodeOf(NcclFault::kNotUsable), StatusCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(NcclFault::kMembersDiffer), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace parley
