// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// A library with the names that NCCL of version STUB_VERSION has, which do
// nothing: for nccl_api_test.
extern "C" {

// The one that is called; nccl.h would not let the others be defined so.
typedef enum { ncclSuccess = 0 } ncclResult_t;
ncclResult_t ncclGetVersion(int* version) {
  *version = STUB_VERSION;
  return ncclSuccess;
}

#define PARLEY_STUB(name) \
  int name() { return 0; }

PARLEY_STUB(ncclGetUniqueId)
PARLEY_STUB(ncclGetErrorString)
PARLEY_STUB(ncclGetLastError)
PARLEY_STUB(ncclCommInitRankConfig)
PARLEY_STUB(ncclCommFinalize)
PARLEY_STUB(ncclCommDestroy)
PARLEY_STUB(ncclCommAbort)
PARLEY_STUB(ncclCommGetAsyncError)
PARLEY_STUB(ncclCommCount)
PARLEY_STUB(ncclGroupStart)
PARLEY_STUB(ncclGroupEnd)
PARLEY_STUB(ncclSend)
PARLEY_STUB(ncclRecv)
PARLEY_STUB(ncclAllGather)
PARLEY_STUB(ncclAllReduce)
PARLEY_STUB(ncclBroadcast)
#if STUB_VERSION >= 21800
PARLEY_STUB(ncclCommSplit)
#endif

}  // extern "C"
