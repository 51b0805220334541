// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Enqueue: an operation becomes calls of NCCL on its stream.
//
// All calls of one operation, for its whole list, are one group:
//
//   Connect    AllReduce of one byte, Send and Recv of one with each peer
//   AllToAll   Send and Recv with each peer; own shard by MemcpyAsync
//   AllGather  AllGather where all shards are equal; else Send and Recv with
//              each peer, own shard by MemcpyAsync unless it lies there
//   Broadcast  Broadcast in place
//   AllReduce  AllReduce; bool as uint8
//   Barrier    AllReduce of one byte
//   Split      AllGather in place of one int64 per rank
//
// All but AllReduce move bits. What has no elements is left out, on all ranks
// alike. An own shard is copied by CUDA, which needs no peer for it.
//
// Thread-safety: for the owner's thread alone.
#ifndef PARLEY_COMM_NCCL_ENQUEUE_H_
#define PARLEY_COMM_NCCL_ENQUEUE_H_

#include "absl/status/status.h"
#include "parley/comm/nccl/operation.h"

namespace parley::nccl {

// Enqueues `operation` behind the one that the family enqueued last, between
// its start and its end event, and waits until NCCL has put it on the stream
// [2]. While the stream is being captured no events are recorded that others
// could ask, and the order among communicators is the graph's.
absl::Status Enqueue(Operation& operation);

}  // namespace parley::nccl

#endif  // PARLEY_COMM_NCCL_ENQUEUE_H_
