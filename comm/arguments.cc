// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/arguments.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "parley/base/status_macros.h"
#include "parley/comm/lost_ranks.h"
#include "parley/comm/shard.h"

namespace parley {
namespace {

absl::Status Bad(absl::string_view op, absl::string_view list, size_t index,
                 absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(op, ": ", list, "[", index, "] ", what));
}

absl::Status CheckTensors(absl::string_view op, absl::string_view list,
                          TensorList tensors, DeviceId device) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    const TensorView& tensor = tensors[i];
    if (!tensor.IsDense()) {
      return Bad(op, list, i,
                 absl::StrCat("is not dense: ", tensor.ToString()));
    }
    if (tensor.data() == nullptr && tensor.count() > 0) {
      return Bad(op, list, i,
                 absl::StrCat("is null, with ", tensor.count(), " elements"));
    }
    if (tensor.device() != device) {
      return Bad(op, list, i,
                 absl::StrCat("is on ", ToString(tensor.device()),
                              ", expected ", ToString(device)));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckPair(absl::string_view op, TensorList send, TensorList recv,
                       DeviceId device) {
  if (send.size() != recv.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        op, ": send has ", send.size(), " tensors, recv has ", recv.size()));
  }
  PARLEY_RETURN_IF_ERROR(CheckTensors(op, "send", send, device));
  PARLEY_RETURN_IF_ERROR(CheckTensors(op, "recv", recv, device));
  for (size_t i = 0; i < send.size(); ++i) {
    if (send[i].dtype() != recv[i].dtype()) {
      return Bad(op, "recv", i,
                 absl::StrCat("is ", Name(recv[i].dtype()), ", expected ",
                              Name(send[i].dtype()), " like send"));
    }
  }
  return absl::OkStatus();
}

absl::Status BadCount(absl::string_view op, absl::string_view list, size_t i,
                      int64_t got, int64_t expected) {
  return Bad(op, list, i,
             absl::StrCat("has ", got, " elements, expected ", expected));
}

bool Overlap(const TensorView& a, const TensorView& b) {
  const auto* begin_a = static_cast<const char*>(a.data());
  const auto* begin_b = static_cast<const char*>(b.data());
  return a.count() > 0 && b.count() > 0 && begin_a < begin_b + b.bytes() &&
         begin_b < begin_a + a.bytes();
}

}  // namespace

absl::Status CheckAllToAll(const Communicator& comm, DeviceId device,
                           TensorList send, TensorList recv) {
  PARLEY_RETURN_IF_ERROR(CheckPair("AllToAll", send, recv, device));
  for (size_t i = 0; i < send.size(); ++i) {
    const int64_t expected =
        comm.size() * ShardOf(send[i].count(), comm.size(), comm.rank()).count;
    if (recv[i].count() != expected) {
      return BadCount("AllToAll", "recv", i, recv[i].count(), expected);
    }
    if (Overlap(send[i], recv[i])) {
      return Bad("AllToAll", "recv", i, "overlaps send");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAllGather(const Communicator& comm, DeviceId device,
                            TensorList send, TensorList recv) {
  PARLEY_RETURN_IF_ERROR(CheckPair("AllGather", send, recv, device));
  for (size_t i = 0; i < send.size(); ++i) {
    const ShardRange own = ShardOf(recv[i].count(), comm.size(), comm.rank());
    if (send[i].count() != own.count) {
      return BadCount("AllGather", "send", i, send[i].count(), own.count);
    }
    const bool in_place =
        send[i].data() == recv[i].Slice(own.begin, own.count).data();
    if (!in_place && Overlap(send[i], recv[i])) {
      return Bad("AllGather", "send", i,
                 "overlaps recv elsewhere than at this rank's shard");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckBroadcast(const Communicator& comm, DeviceId device,
                            TensorList tensors, int root) {
  if (root < 0 || root >= comm.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("Broadcast: root ", root, " of ", comm.size(), " ranks"));
  }
  return CheckTensors("Broadcast", "tensors", tensors, device);
}

absl::Status CheckAllReduce(const Communicator& comm, DeviceId device,
                            TensorList send, TensorList recv, ReduceOp op) {
  (void)comm;
  PARLEY_RETURN_IF_ERROR(CheckPair("AllReduce", send, recv, device));
  for (size_t i = 0; i < send.size(); ++i) {
    if (send[i].count() != recv[i].count()) {
      return BadCount("AllReduce", "recv", i, recv[i].count(), send[i].count());
    }
    if (send[i].data() != recv[i].data() && Overlap(send[i], recv[i])) {
      return Bad("AllReduce", "recv", i, "overlaps send without being it");
    }
    if (send[i].dtype() == DType::kBool && op == ReduceOp::kSum) {
      return Bad("AllReduce", "send", i, "is bool, which has no sum");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckStream(absl::string_view op, Device& device, Stream& stream) {
  if (&stream.device() == &device) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      op, ": a stream of ", ToString(stream.device().id()),
      ", expected one of the communicator's device, ", ToString(device.id())));
}

absl::Status AbortReason(const Communicator& comm, const absl::Status& reason) {
  if (reason.ok()) return absl::CancelledError("no reason was given");
  std::vector<int> lost = LostRanks(reason);
  lost.erase(std::remove_if(
                 lost.begin(), lost.end(),
                 [&comm](int rank) { return rank < 0 || rank >= comm.size(); }),
             lost.end());
  return WithLostRanks(reason, lost);
}

absl::Status CheckRankList(const Communicator& comm, const char* op,
                           absl::Span<const int> ranks) {
  for (size_t i = 0; i < ranks.size(); ++i) {
    if (ranks[i] < 0 || ranks[i] >= comm.size()) {
      return Bad(
          op, "ranks", i,
          absl::StrCat("is ", ranks[i], ", expected a rank of ", comm.size()));
    }
    if (i > 0 && ranks[i] <= ranks[i - 1]) {
      return Bad(op, "ranks", i,
                 absl::StrCat("is ", ranks[i], " after ", ranks[i - 1],
                              ", expected ascending ranks"));
    }
  }
  return absl::OkStatus();
}

}  // namespace parley
