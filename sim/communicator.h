// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// SimCommunicator: a rank's Communicator in a simulated world, and the device
// whose streams run in virtual time. Made by World and by Split and Shrink.
//
// Thread-safety: as Communicator.
#ifndef PARLEY_SIM_COMMUNICATOR_H_
#define PARLEY_SIM_COMMUNICATOR_H_

#include <memory>
#include <string>

#include "parley/comm/communicator.h"
#include "parley/device/cpu/cpu_device.h"
#include "parley/sim/engine.h"

namespace parley::sim {

class SimDevice final : public CpuDevice {
 public:
  explicit SimDevice(RankState& rank)
      : CpuDevice(*rank.engine.options().allocator), rank_(rank) {
    rank.device = this;
  }

  absl::StatusOr<std::unique_ptr<Stream>> CreateStream() override;
  std::unique_ptr<Event> CreateEvent() override;

 private:
  RankState& rank_;
};

class SimCommunicator final : public Communicator {
 public:
  SimCommunicator(RankState& rank, SimDevice& device, Group& group);
  ~SimCommunicator() override;

  int rank() const override { return member_; }
  int size() const override { return group_.size(); }
  std::string ToString() const override { return "sim"; }
  Device& device() override { return device_; }
  Clock& clock() override { return *rank_.clock; }

  absl::StatusOr<Work> AllToAll(TensorList send, TensorList recv,
                                Stream& stream,
                                const CallOptions& options) override;
  absl::StatusOr<Work> AllGather(TensorList send, TensorList recv,
                                 Stream& stream,
                                 const CallOptions& options) override;
  absl::StatusOr<Work> Broadcast(TensorList tensors, int root, Stream& stream,
                                 const CallOptions& options) override;
  absl::StatusOr<Work> AllReduce(TensorList send, TensorList recv, ReduceOp op,
                                 Stream& stream,
                                 const CallOptions& options) override;
  absl::StatusOr<Work> Barrier(Stream& stream,
                               const CallOptions& options) override;
  absl::StatusOr<std::unique_ptr<Communicator>> Split(
      absl::Span<const int> members, const CallOptions& options) override;
  absl::StatusOr<std::unique_ptr<Communicator>> Shrink(
      absl::Span<const int> excluded, const CallOptions& options) override;
  void Abort(const absl::Status& reason) override;

  // By the group, when it fails.
  void SetAborted() { aborted_.store(true, std::memory_order_relaxed); }

 private:
  // kFailedPrecondition after a failure, naming it.
  absl::Status CheckUsable(OpKind kind);
  Entry* NewEntry(OpKind kind, const CallOptions& options);
  Work Post(Entry* entry, StreamState& stream);
  absl::StatusOr<std::unique_ptr<Communicator>> MakeGroup(Entry* entry);

  RankState& rank_;
  SimDevice& device_;
  Group& group_;
  const int member_;
  StreamState& control_;  // for Split and Shrink
};

}  // namespace parley::sim

#endif  // PARLEY_SIM_COMMUNICATOR_H_
