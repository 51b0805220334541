// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/nccl/enqueue.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "parley/base/status_macros.h"
#include "parley/comm/nccl/group.h"
#include "parley/comm/nccl/nccl_status.h"
#include "parley/comm/shard.h"
#include "parley/device/cuda/cuda_status.h"

namespace parley::nccl {
namespace {

ncclDataType_t TypeOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return ncclFloat32;
    case DType::kFloat64:
      return ncclFloat64;
    case DType::kFloat16:
      return ncclFloat16;
    case DType::kBFloat16:
      return ncclBfloat16;
    case DType::kInt32:
      return ncclInt32;
    case DType::kInt64:
      return ncclInt64;
    case DType::kUInt8:
    case DType::kBool:
      return ncclUint8;
  }
  return ncclUint8;
}

ncclRedOp_t OpOf(ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum:
      return ncclSum;
    case ReduceOp::kMin:
      return ncclMin;
    case ReduceOp::kMax:
      return ncclMax;
  }
  return ncclSum;
}

const void* At(const void* data, int64_t element, DType dtype) {
  return static_cast<const char*>(data) + element * SizeOf(dtype);
}
void* At(void* data, int64_t element, DType dtype) {
  return static_cast<char*>(data) + element * SizeOf(dtype);
}

// The calls of one operation. The group begins with the first of them, so that
// an operation without any opens none; after a failure the rest is left out,
// but a group that was opened is closed.
class Calls {
 public:
  explicit Calls(Operation& operation)
      : operation_(operation),
        group_(operation.group()),
        nccl_(group_.family->nccl()),
        stream_(operation.stream_handle) {}

  int size() const { return group_.size; }
  int rank() const { return group_.rank; }
  char* scratch() { return static_cast<char*>(group_.scratch.data()); }

  void Send(const void* from, int64_t count, DType dtype, int peer) {
    if (count == 0 || !Begin()) return;
    Note("ncclSend", nccl_.Send(from, static_cast<size_t>(count), TypeOf(dtype),
                                peer, group_.comm, stream_));
  }
  void Recv(void* to, int64_t count, DType dtype, int peer) {
    if (count == 0 || !Begin()) return;
    Note("ncclRecv", nccl_.Recv(to, static_cast<size_t>(count), TypeOf(dtype),
                                peer, group_.comm, stream_));
  }
  void AllGather(const void* from, void* to, int64_t count, DType dtype) {
    if (count == 0 || !Begin()) return;
    Note("ncclAllGather", nccl_.AllGather(from, to, static_cast<size_t>(count),
                                          TypeOf(dtype), group_.comm, stream_));
  }
  void AllReduce(const void* from, void* to, int64_t count, DType dtype,
                 ncclRedOp_t op) {
    if (count == 0 || !Begin()) return;
    Note("ncclAllReduce",
         nccl_.AllReduce(from, to, static_cast<size_t>(count), TypeOf(dtype),
                         op, group_.comm, stream_));
  }
  void Broadcast(void* data, int64_t count, DType dtype, int root) {
    if (count == 0 || !Begin()) return;
    Note("ncclBroadcast",
         nccl_.Broadcast(data, data, static_cast<size_t>(count), TypeOf(dtype),
                         root, group_.comm, stream_));
  }

  absl::Status End() {
    if (!begun_) return status_;
    const ncclResult_t result = nccl_.GroupEnd();
    PARLEY_RETURN_IF_ERROR(status_);
    return group_.family->watchdog.AwaitComm(
        &group_, group_.comm, result, operation_.ToString() + ": ncclGroupEnd",
        kNever);  // [2], by the watchdog
  }

 private:
  bool Begin() {
    if (!begun_ && status_.ok()) {
      Note("ncclGroupStart", nccl_.GroupStart());
      begun_ = status_.ok();
    }
    return status_.ok();
  }

  void Note(const char* what, ncclResult_t result) {
    if (result == ncclInProgress || !status_.ok()) return;
    status_ = NcclStatus(nccl_, result, group_.comm, what);
  }

  Operation& operation_;
  Group& group_;
  const NcclApi& nccl_;
  const cudaStream_t stream_;
  bool begun_ = false;
  absl::Status status_;
};

absl::Status CopyLocally(Operation& operation, void* to, const void* from,
                         int64_t bytes) {
  if (bytes == 0 || to == from) return absl::OkStatus();
  const CudaApi& cuda = operation.group().family->cuda();
  // A meeting's header lies in pinned memory, most else on the device.
  return CudaStatus(
      cuda,
      cuda.MemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDefault,
                       operation.stream_handle),
      "MemcpyAsync of this rank's own shard");
}

// What needs no peer goes first: nothing but NCCL's calls may stand in a group.
absl::Status CopyOwnShards(Operation& operation) {
  const int rank = operation.group().rank;
  const int size = operation.group().size;
  for (const Piece& piece : operation.pieces) {
    const ShardRange own = ShardOf(piece.count, size, rank);
    const int64_t bytes = own.count * SizeOf(piece.dtype);
    if (operation.kind == OpKind::kAllToAll) {
      PARLEY_RETURN_IF_ERROR(
          CopyLocally(operation, At(piece.recv, rank * own.count, piece.dtype),
                      At(piece.send, own.begin, piece.dtype), bytes));
    } else if (operation.kind == OpKind::kAllGather &&
               piece.count % size != 0) {
      PARLEY_RETURN_IF_ERROR(CopyLocally(operation,
                                         At(piece.recv, own.begin, piece.dtype),
                                         piece.send, bytes));
    }
  }
  return absl::OkStatus();
}

void CallAllToAll(const Piece& piece, Calls& calls) {
  const int64_t own = ShardOf(piece.count, calls.size(), calls.rank()).count;
  for (int peer = 0; peer < calls.size(); ++peer) {
    if (peer == calls.rank()) continue;
    const ShardRange theirs = ShardOf(piece.count, calls.size(), peer);
    calls.Send(At(piece.send, theirs.begin, piece.dtype), theirs.count,
               piece.dtype, peer);
    calls.Recv(At(piece.recv, peer * own, piece.dtype), own, piece.dtype, peer);
  }
}

void CallAllGather(const Piece& piece, Calls& calls) {
  if (piece.count % calls.size() == 0) {
    return calls.AllGather(piece.send, piece.recv, piece.count / calls.size(),
                           piece.dtype);
  }
  const int64_t own = ShardOf(piece.count, calls.size(), calls.rank()).count;
  for (int peer = 0; peer < calls.size(); ++peer) {
    if (peer == calls.rank()) continue;
    const ShardRange theirs = ShardOf(piece.count, calls.size(), peer);
    calls.Send(piece.send, own, piece.dtype, peer);
    calls.Recv(At(piece.recv, theirs.begin, piece.dtype), theirs.count,
               piece.dtype, peer);
  }
}

// Loads and connects what later operations use, so that they wait neither for
// memory nor for peers to connect.
void CallConnect(Calls& calls) {
  char* const first = calls.scratch();
  calls.AllReduce(first, first, 1, DType::kUInt8, ncclMax);
  for (int peer = 0; peer < calls.size(); ++peer) {
    if (peer == calls.rank()) continue;
    calls.Send(first + 1 + peer, 1, DType::kUInt8, peer);
    calls.Recv(first + 1 + calls.size() + peer, 1, DType::kUInt8, peer);
  }
}

absl::Status CallNccl(Operation& operation) {
  Calls calls(operation);
  if (operation.kind == OpKind::kConnect) CallConnect(calls);
  if (operation.kind == OpKind::kBarrier) {
    calls.AllReduce(calls.scratch(), calls.scratch(), 1, DType::kUInt8,
                    ncclMax);
  }
  for (const Piece& piece : operation.pieces) {
    switch (operation.kind) {
      case OpKind::kAllToAll:
        CallAllToAll(piece, calls);
        break;
      case OpKind::kAllGather:
      case OpKind::kSplit:
        CallAllGather(piece, calls);
        break;
      case OpKind::kBroadcast:
        calls.Broadcast(piece.recv, piece.count, piece.dtype, operation.root);
        break;
      case OpKind::kAllReduce:
        calls.AllReduce(piece.send, piece.recv, piece.count, piece.dtype,
                        OpOf(operation.reduce));
        break;
      case OpKind::kConnect:
      case OpKind::kBarrier:
        break;
    }
  }
  return calls.End();
}

// The order on the device: behind what the family enqueued last, if that was
// elsewhere and is not known to be done.
void WaitForLast(Operation& operation) {
  Family& family = *operation.group().family;
  Operation* const last = family.last;
  if (last != nullptr && last->stream_handle != operation.stream_handle &&
      last->phase() == Operation::Phase::kEnqueued) {
    operation.stream->Wait(last->end());
  }
}

// As a call it is complete. How often its graph is launched, and with what end,
// nobody here can tell; but should the communicator fail, work behind such
// launches must not run.
void BecomeCaptured(Operation& operation) {
  Group& group = operation.group();
  group.family->recorder.Mark(operation.flight_id, FlightState::kCompleted,
                              group.family->clock().NowNs());
  auto& gates = group.captured_gates;
  gates.erase(std::remove_if(gates.begin(), gates.end(),
                             [&](const std::weak_ptr<StreamGate>& gate) {
                               return gate.expired() ||
                                      gate.lock() == operation.gate;
                             }),
              gates.end());
  gates.push_back(operation.gate);
}

void BecomeLast(Operation& operation) {
  Family& family = *operation.group().family;
  if (family.last != nullptr) family.last->Unref();
  operation.Ref();
  family.last = &operation;
}

}  // namespace

absl::Status Enqueue(Operation& operation) {
  Family& family = *operation.group().family;
  const CudaApi& cuda = family.cuda();
  CudaStream& stream = *operation.stream;
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  PARLEY_RETURN_IF_ERROR(CudaStatus(
      cuda, cuda.StreamIsCapturing(operation.stream_handle, &capture),
      "StreamIsCapturing"));
  const bool captured = capture != cudaStreamCaptureStatusNone;
  if (!captured) {
    WaitForLast(operation);
    stream.Record(operation.start());
  }
  PARLEY_RETURN_IF_ERROR(CopyOwnShards(operation));
  PARLEY_RETURN_IF_ERROR(CallNccl(operation));
  stream.Record(operation.end());
  // Of the waits and the events above; the caller waits, so it is this
  // thread's to look.
  PARLEY_RETURN_IF_ERROR(stream.failure());
  if (captured) {
    operation.SetCaptured();
    BecomeCaptured(operation);
  } else {
    operation.SetEnqueued();
    BecomeLast(operation);
  }
  return absl::OkStatus();
}

}  // namespace parley::nccl
