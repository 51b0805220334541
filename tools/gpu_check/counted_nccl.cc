// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/gpu_check/counted_nccl.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <limits>

namespace parley::gpu_check {
namespace {

// A table holds plain functions, so what they share is the process's.
NcclApi real;
std::atomic<int64_t> count{0};
std::atomic<int64_t> fatal{std::numeric_limits<int64_t>::max()};

// Groups belong to the thread that opens them.
thread_local int open_groups = 0;
thread_local bool group_has_calls = false;

void Count() {
  if (++count >= fatal) kill(getpid(), SIGKILL);
}

// Passes on the result of one call.
ncclResult_t Called(ncclResult_t result) {
  if (open_groups > 0) {
    group_has_calls = true;
  } else {
    Count();
  }
  return result;
}

ncclResult_t GroupStart() {
  ++open_groups;
  return real.GroupStart();
}

ncclResult_t GroupEnd() {
  const ncclResult_t result = real.GroupEnd();
  if (--open_groups == 0 && group_has_calls) {
    group_has_calls = false;
    Count();
  }
  return result;
}

ncclResult_t Send(const void* from, size_t size, ncclDataType_t type, int peer,
                  ncclComm_t comm, cudaStream_t stream) {
  return Called(real.Send(from, size, type, peer, comm, stream));
}

ncclResult_t Recv(void* to, size_t size, ncclDataType_t type, int peer,
                  ncclComm_t comm, cudaStream_t stream) {
  return Called(real.Recv(to, size, type, peer, comm, stream));
}

ncclResult_t AllGather(const void* from, void* to, size_t size,
                       ncclDataType_t type, ncclComm_t comm,
                       cudaStream_t stream) {
  return Called(real.AllGather(from, to, size, type, comm, stream));
}

ncclResult_t AllReduce(const void* from, void* to, size_t size,
                       ncclDataType_t type, ncclRedOp_t op, ncclComm_t comm,
                       cudaStream_t stream) {
  return Called(real.AllReduce(from, to, size, type, op, comm, stream));
}

ncclResult_t Broadcast(const void* from, void* to, size_t size,
                       ncclDataType_t type, int root, ncclComm_t comm,
                       cudaStream_t stream) {
  return Called(real.Broadcast(from, to, size, type, root, comm, stream));
}

}  // namespace

NcclApi CountCollectives(const NcclApi& nccl) {
  real = nccl;
  NcclApi counted = nccl;
  counted.GroupStart = GroupStart;
  counted.GroupEnd = GroupEnd;
  counted.Send = Send;
  counted.Recv = Recv;
  counted.AllGather = AllGather;
  counted.AllReduce = AllReduce;
  counted.Broadcast = Broadcast;
  return counted;
}

int64_t Collectives() { return count; }

void DieAfter(int64_t collectives) { fatal = count + collectives; }

}  // namespace parley::gpu_check
