// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The calls that enqueue. Those that make communicators are in create.cc and
// shrink.cc.
#include "parley/comm/nccl/nccl_communicator.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/base/hash.h"
#include "parley/base/status_macros.h"
#include "parley/comm/arguments.h"
#include "parley/comm/lost_ranks.h"
#include "parley/comm/nccl/abort.h"
#include "parley/comm/nccl/nccl_status.h"

namespace parley {

using nccl::Operation;
using nccl::OpKind;
using nccl::Piece;

namespace {

// `whole` has the counts that are the same on all ranks.
void AddPieces(TensorList send, TensorList recv, TensorList whole,
               Operation& operation) {
  for (size_t i = 0; i < whole.size(); ++i) {
    operation.pieces.push_back(
        {send[i].data(), recv[i].data(), whole[i].count(), whole[i].dtype()});
  }
}

FlightRecorder::Operation RecordOf(const Operation& operation) {
  FlightRecorder::Operation record;
  record.op = Name(operation.kind);
  record.sequence = operation.sequence;
  record.tensors = static_cast<int64_t>(operation.pieces.size());
  uint64_t hash = HashCombine(static_cast<uint64_t>(operation.kind),
                              static_cast<uint64_t>(operation.root));
  hash = HashCombine(hash, static_cast<uint64_t>(operation.reduce));
  for (const Piece& piece : operation.pieces) {
    record.elements += piece.count;
    const absl::string_view dtype = Name(piece.dtype);
    const bool first = &piece == &operation.pieces.front();
    record.dtype = first || record.dtype == dtype ? dtype : "mixed";
    hash = HashCombine(hash, static_cast<uint64_t>(piece.dtype));
    hash = HashCombine(hash, static_cast<uint64_t>(piece.count));
  }
  record.signature = hash;
  return record;
}

}  // namespace

NcclCommunicator::NcclCommunicator(std::shared_ptr<nccl::Group> group)
    : group_(std::move(group)) {
  ++family().communicators;
  group_->SetFlag(&aborted_);
}

NcclCommunicator::~NcclCommunicator() {
  nccl::Family& family = *group_->family;
  group_->SetFlag(nullptr);
  family.owner
      .Call([group = group_] {
        group->family->watchdog.Destroy(*group);
        return absl::OkStatus();
      })
      .IgnoreError();
  // A device or a thread may still use what is theirs.
  if (group_->wedged || family.owner.hung()) nccl::Quarantine(group_);
  if (--family.communicators == 0 && !family.owner.Stop()) {  // [9]
    nccl::Quarantine(group_->family,
                     [family = group_->family] { family->owner.Join(); });
  }
}

std::string NcclCommunicator::ToString() const {
  const int version = family().settings.version;
  return absl::StrCat("nccl ", version / 10000, ".", version / 100 % 100, ".",
                      version % 100);
}

FlightDump NcclCommunicator::Recorded(absl::string_view reason) {
  return family().recorder.Snapshot(reason, clock().NowNs());
}

absl::Status NcclCommunicator::CheckUsable(OpKind kind) const {
  if (!aborted() && !family().owner.hung()) return absl::OkStatus();
  absl::Status failure = group_->failure();
  if (failure.ok()) failure = absl::InternalError(nccl::kOwnerHangs);
  return WithLostRanks(
      absl::Status(CodeOf(NcclFault::kNotUsable),
                   absl::StrCat(Name(kind), ": the communicator is aborted: ",
                                failure.message())),
      LostRanks(failure));
}

int64_t NcclCommunicator::TimeoutNs(const CallOptions& options) const {
  return absl::ToInt64Nanoseconds(options.timeout > absl::ZeroDuration()
                                      ? options.timeout
                                      : family().settings.timeout);
}

int64_t NcclCommunicator::DeadlineOf(const CallOptions& options) const {
  return DeadlineAfter(family().clock().NowNs(), TimeoutNs(options));
}

absl::StatusOr<Operation*> NcclCommunicator::NewOperation(
    OpKind kind, const CallOptions& options) {
  PARLEY_ASSIGN_OR_RETURN(Operation * operation,
                          family().pool.Take(group_, kind));
  operation->called_ns = clock().NowNs();
  operation->timeout_ns = TimeoutNs(options);
  return operation;
}

Work NcclCommunicator::Post(Operation* operation, CudaStream& stream) {
  nccl::Family& family = *group_->family;
  operation->stream = &stream;
  operation->stream_handle = stream.handle();
  operation->gate = stream.gate();
  operation->ticket = operation->gate->Take();
  operation->before = stream.failure();
  // Of an operation, also of another communicator's.
  if (operation->before.ok()) operation->before = operation->gate->failure();
  operation->sequence = group_->called++;
  operation->record = RecordOf(*operation);
  operation->flight_id = family.recorder.Schedule(
      group_->flight_number, operation->record, operation->called_ns);
  Work work(operation);
  family.owner.Submit(operation);
  if (!family.owner.Wait(*operation)) {  // [1]
    group_->SetFailure(
        absl::Status(CodeOf(NcclFault::kNotInTime), nccl::kOwnerHangs));
  }
  return work;
}

absl::StatusOr<Work> NcclCommunicator::AllToAll(TensorList send,
                                                TensorList recv, Stream& stream,
                                                const CallOptions& options) {
  PARLEY_RETURN_IF_ERROR(CheckUsable(OpKind::kAllToAll));
  PARLEY_RETURN_IF_ERROR(CheckAllToAll(*this, cuda_device().id(), send, recv));
  PARLEY_RETURN_IF_ERROR(
      CheckStream(Name(OpKind::kAllToAll), cuda_device(), stream));
  PARLEY_ASSIGN_OR_RETURN(Operation * operation,
                          NewOperation(OpKind::kAllToAll, options));
  AddPieces(send, recv, send, *operation);
  return Post(operation, static_cast<CudaStream&>(stream));
}

absl::StatusOr<Work> NcclCommunicator::AllGather(TensorList send,
                                                 TensorList recv,
                                                 Stream& stream,
                                                 const CallOptions& options) {
  PARLEY_RETURN_IF_ERROR(CheckUsable(OpKind::kAllGather));
  PARLEY_RETURN_IF_ERROR(CheckAllGather(*this, cuda_device().id(), send, recv));
  PARLEY_RETURN_IF_ERROR(
      CheckStream(Name(OpKind::kAllGather), cuda_device(), stream));
  PARLEY_ASSIGN_OR_RETURN(Operation * operation,
                          NewOperation(OpKind::kAllGather, options));
  AddPieces(send, recv, recv, *operation);
  return Post(operation, static_cast<CudaStream&>(stream));
}

absl::StatusOr<Work> NcclCommunicator::Broadcast(TensorList tensors, int root,
                                                 Stream& stream,
                                                 const CallOptions& options) {
  PARLEY_RETURN_IF_ERROR(CheckUsable(OpKind::kBroadcast));
  PARLEY_RETURN_IF_ERROR(
      CheckBroadcast(*this, cuda_device().id(), tensors, root));
  PARLEY_RETURN_IF_ERROR(
      CheckStream(Name(OpKind::kBroadcast), cuda_device(), stream));
  PARLEY_ASSIGN_OR_RETURN(Operation * operation,
                          NewOperation(OpKind::kBroadcast, options));
  operation->root = root;
  AddPieces(tensors, tensors, tensors, *operation);
  return Post(operation, static_cast<CudaStream&>(stream));
}

absl::StatusOr<Work> NcclCommunicator::AllReduce(TensorList send,
                                                 TensorList recv, ReduceOp op,
                                                 Stream& stream,
                                                 const CallOptions& options) {
  PARLEY_RETURN_IF_ERROR(CheckUsable(OpKind::kAllReduce));
  PARLEY_RETURN_IF_ERROR(
      CheckAllReduce(*this, cuda_device().id(), send, recv, op));
  PARLEY_RETURN_IF_ERROR(
      CheckStream(Name(OpKind::kAllReduce), cuda_device(), stream));
  PARLEY_ASSIGN_OR_RETURN(Operation * operation,
                          NewOperation(OpKind::kAllReduce, options));
  operation->reduce = op;
  AddPieces(send, recv, send, *operation);
  return Post(operation, static_cast<CudaStream&>(stream));
}

absl::StatusOr<Work> NcclCommunicator::Barrier(Stream& stream,
                                               const CallOptions& options) {
  PARLEY_RETURN_IF_ERROR(CheckUsable(OpKind::kBarrier));
  PARLEY_RETURN_IF_ERROR(
      CheckStream(Name(OpKind::kBarrier), cuda_device(), stream));
  PARLEY_ASSIGN_OR_RETURN(Operation * operation,
                          NewOperation(OpKind::kBarrier, options));
  return Post(operation, static_cast<CudaStream&>(stream));
}

void NcclCommunicator::Abort(const absl::Status& reason) {
  group_->RequestAbort(AbortReason(*this, reason));
}

}  // namespace parley
