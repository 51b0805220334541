// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// NcclApi: the entry points of NCCL that Parley uses, as a table. Everything
// calls NCCL through one, so that one binary runs with the library and without,
// and tests replace it (tests/fakes).
//
//   PARLEY_ASSIGN_OR_RETURN(const NcclApi* nccl, LoadNcclApi());
//   int version = 0;
//   nccl->GetVersion(&version);  // 22809
//
// The oldest version supported is 2.18. What came later is null where the
// library does not have it.
//
// Thread-safety: a table is a value that does not change; the entry points are
// as thread-safe as NCCL's.
#ifndef PARLEY_COMM_NCCL_NCCL_API_H_
#define PARLEY_COMM_NCCL_NCCL_API_H_

#include <nccl.h>

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace parley {

struct NcclApi {
  ncclResult_t (*GetVersion)(int* version);
  ncclResult_t (*GetUniqueId)(ncclUniqueId* id);
  const char* (*GetErrorString)(ncclResult_t result);
  const char* (*GetLastError)(ncclComm_t comm);

  ncclResult_t (*CommInitRankConfig)(ncclComm_t* comm, int ranks,
                                     ncclUniqueId id, int rank,
                                     ncclConfig_t* config);
  ncclResult_t (*CommSplit)(ncclComm_t comm, int color, int key,
                            ncclComm_t* made, ncclConfig_t* config);
  ncclResult_t (*CommShrink)(ncclComm_t comm, int* excluded, int num_excluded,
                             ncclComm_t* made, ncclConfig_t* config,
                             int flags);  // since 2.27, else null
  ncclResult_t (*CommFinalize)(ncclComm_t comm);
  ncclResult_t (*CommDestroy)(ncclComm_t comm);
  ncclResult_t (*CommAbort)(ncclComm_t comm);
  ncclResult_t (*CommGetAsyncError)(ncclComm_t comm, ncclResult_t* error);
  ncclResult_t (*CommCount)(ncclComm_t comm, int* ranks);

  ncclResult_t (*GroupStart)();
  ncclResult_t (*GroupEnd)();
  ncclResult_t (*Send)(const void* from, size_t count, ncclDataType_t type,
                       int peer, ncclComm_t comm, cudaStream_t stream);
  ncclResult_t (*Recv)(void* to, size_t count, ncclDataType_t type, int peer,
                       ncclComm_t comm, cudaStream_t stream);
  ncclResult_t (*AllGather)(const void* from, void* to, size_t count,
                            ncclDataType_t type, ncclComm_t comm,
                            cudaStream_t stream);
  ncclResult_t (*AllReduce)(const void* from, void* to, size_t count,
                            ncclDataType_t type, ncclRedOp_t op,
                            ncclComm_t comm, cudaStream_t stream);
  ncclResult_t (*Broadcast)(const void* from, void* to, size_t count,
                            ncclDataType_t type, int root, ncclComm_t comm,
                            cudaStream_t stream);
};

// Opens `library`, or with an empty name libnccl.so.2 where the dynamic linker
// finds it, and fills a table that lives as long as the process. kNotFound with
// the linker's own words if there is none, kFailedPrecondition with the version
// if it is older than 2.18.
absl::StatusOr<const NcclApi*> LoadNcclApi(absl::string_view library = "");

}  // namespace parley

#endif  // PARLEY_COMM_NCCL_NCCL_API_H_
