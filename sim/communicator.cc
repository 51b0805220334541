// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/communicator.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "parley/base/status_macros.h"
#include "parley/comm/arguments.h"
#include "parley/comm/lost_ranks.h"
#include "parley/sim/operation.h"

namespace parley::sim {
namespace {

void AddBuffers(TensorList tensors, std::vector<Buffer>& buffers) {
  for (const TensorView& tensor : tensors) {
    buffers.push_back({static_cast<unsigned char*>(tensor.data()),
                       tensor.count(), tensor.dtype()});
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Stream>> SimDevice::CreateStream() {
  return std::make_unique<SimStream>(*this, rank_.NewStream());
}

std::unique_ptr<Event> SimDevice::CreateEvent() {
  return std::make_unique<SimEventHandle>();
}

SimCommunicator::SimCommunicator(RankState& rank, SimDevice& device,
                                 Group& group)
    : rank_(rank),
      device_(device),
      group_(group),
      member_(group.MemberOf(rank.index)),
      control_(rank.NewStream()) {
  group_.SetCommunicator(member_, this);
}

SimCommunicator::~SimCommunicator() {
  group_.SetCommunicator(member_, nullptr);
}

absl::Status SimCommunicator::CheckUsable(OpKind kind) {
  if (!rank_.fate.ok()) return rank_.fate;
  if (!aborted()) return absl::OkStatus();
  absl::Status reason = group_.abort_request(member_).reason();
  if (reason.ok()) reason = group_.failure();
  return WithLostRanks(
      absl::FailedPreconditionError(absl::StrCat(
          std::string(Name(kind)),
          ": the communicator is aborted: ", std::string(reason.message()))),
      LostRanks(reason));
}

Entry* SimCommunicator::NewEntry(OpKind kind, const CallOptions& options) {
  Entry* entry = rank_.TakeEntry();
  entry->kind = kind;
  entry->group = &group_;
  entry->member = member_;
  entry->timeout_ns = TimeoutNs(options.timeout > absl::ZeroDuration()
                                    ? options.timeout
                                    : rank_.engine.options().timeout);
  return entry;
}

Work SimCommunicator::Post(Entry* entry, StreamState& stream) {
  entry->stream = &stream;
  entry->posted_ns = rank_.Caller().now_ns;
  // Shrink is matched by the survivors' list, not by the sequence.
  if (entry->kind != OpKind::kShrink) {
    entry->sequence = group_.posted(member_)++;
  }
  entry->completion = rank_.completions.Take();
  entry->completion->Ref();
  Work work(entry->completion);
  // Work before it on the stream may still write the inputs.
  if (rank_.engine.options().check_buffers && stream.idle()) Guard(*entry);
  stream.Enqueue(entry);
  return work;
}

absl::StatusOr<Work> SimCommunicator::AllToAll(TensorList send, TensorList recv,
                                               Stream& stream,
                                               const CallOptions& options) {
  PARLEY_RETURN_IF_ERROR(CheckUsable(OpKind::kAllToAll));
  PARLEY_RETURN_IF_ERROR(CheckAllToAll(*this, device_.id(), send, recv));
  PARLEY_RETURN_IF_ERROR(CheckStream("AllToAll", device_, stream));
  Entry* entry = NewEntry(OpKind::kAllToAll, options);
  AddBuffers(send, entry->send);
  AddBuffers(recv, entry->recv);
  return Post(entry, static_cast<SimStream&>(stream).state());
}

absl::StatusOr<Work> SimCommunicator::AllGather(TensorList send,
                                                TensorList recv, Stream& stream,
                                                const CallOptions& options) {
  PARLEY_RETURN_IF_ERROR(CheckUsable(OpKind::kAllGather));
  PARLEY_RETURN_IF_ERROR(CheckAllGather(*this, device_.id(), send, recv));
  PARLEY_RETURN_IF_ERROR(CheckStream("AllGather", device_, stream));
  Entry* entry = NewEntry(OpKind::kAllGather, options);
  AddBuffers(send, entry->send);
  AddBuffers(recv, entry->recv);
  return Post(entry, static_cast<SimStream&>(stream).state());
}

absl::StatusOr<Work> SimCommunicator::Broadcast(TensorList tensors, int root,
                                                Stream& stream,
                                                const CallOptions& options) {
  PARLEY_RETURN_IF_ERROR(CheckUsable(OpKind::kBroadcast));
  PARLEY_RETURN_IF_ERROR(CheckBroadcast(*this, device_.id(), tensors, root));
  PARLEY_RETURN_IF_ERROR(CheckStream("Broadcast", device_, stream));
  Entry* entry = NewEntry(OpKind::kBroadcast, options);
  entry->root = root;
  AddBuffers(tensors, entry->send);
  return Post(entry, static_cast<SimStream&>(stream).state());
}

absl::StatusOr<Work> SimCommunicator::AllReduce(TensorList send,
                                                TensorList recv, ReduceOp op,
                                                Stream& stream,
                                                const CallOptions& options) {
  PARLEY_RETURN_IF_ERROR(CheckUsable(OpKind::kAllReduce));
  PARLEY_RETURN_IF_ERROR(CheckAllReduce(*this, device_.id(), send, recv, op));
  PARLEY_RETURN_IF_ERROR(CheckStream("AllReduce", device_, stream));
  Entry* entry = NewEntry(OpKind::kAllReduce, options);
  entry->reduce = op;
  AddBuffers(send, entry->send);
  AddBuffers(recv, entry->recv);
  return Post(entry, static_cast<SimStream&>(stream).state());
}

absl::StatusOr<Work> SimCommunicator::Barrier(Stream& stream,
                                              const CallOptions& options) {
  PARLEY_RETURN_IF_ERROR(CheckUsable(OpKind::kBarrier));
  PARLEY_RETURN_IF_ERROR(CheckStream("Barrier", device_, stream));
  return Post(NewEntry(OpKind::kBarrier, options),
              static_cast<SimStream&>(stream).state());
}

absl::StatusOr<std::unique_ptr<Communicator>> SimCommunicator::MakeGroup(
    Entry* entry) {
  absl::Status status = Post(entry, control_).WaitHost();
  // The control stream is used for one call at a time; a failure is told by it.
  control_.WaitHost(absl::ZeroDuration()).IgnoreError();
  Group* made = entry->made;
  rank_.ReturnEntry(entry);
  if (!status.ok()) return status;
  if (made == nullptr) return std::unique_ptr<Communicator>();
  return std::make_unique<SimCommunicator>(rank_, device_, *made);
}

absl::StatusOr<std::unique_ptr<Communicator>> SimCommunicator::Split(
    absl::Span<const int> members, const CallOptions& options) {
  PARLEY_RETURN_IF_ERROR(CheckUsable(OpKind::kSplit));
  PARLEY_RETURN_IF_ERROR(CheckRankList(*this, "Split", members));
  if (!members.empty() &&
      std::find(members.begin(), members.end(), member_) == members.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("Split: the caller, rank ", member_,
                     ", is not in its own list of members"));
  }
  Entry* entry = NewEntry(OpKind::kSplit, options);
  entry->ranks.assign(members.begin(), members.end());
  return MakeGroup(entry);
}

absl::StatusOr<std::unique_ptr<Communicator>> SimCommunicator::Shrink(
    absl::Span<const int> excluded, const CallOptions& options) {
  if (!rank_.fate.ok()) return rank_.fate;
  PARLEY_RETURN_IF_ERROR(CheckRankList(*this, "Shrink", excluded));
  if (std::find(excluded.begin(), excluded.end(), member_) != excluded.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "Shrink: the caller, rank ", member_, ", is among the excluded"));
  }
  Entry* entry = NewEntry(OpKind::kShrink, options);
  entry->ranks.assign(excluded.begin(), excluded.end());
  return MakeGroup(entry);
}

void SimCommunicator::Abort(const absl::Status& reason) {
  AbortRequest& request = group_.abort_request(member_);
  if (!request.Set(AbortReason(*this, reason))) return;
  SetAborted();
  SimThread* current = Scheduler::Current();
  if (current == nullptr) {
    rank_.engine.scheduler().PostFromOutside(&request, 0);
  } else {
    rank_.engine.scheduler().Post(*current, &request, 0);
  }
}

}  // namespace parley::sim
