// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_OUTER_OUTER_STATE_H_
#define PARLEY_AVERAGING_OUTER_OUTER_STATE_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "parley/averaging/outer/outer_optimizer.h"
#include "parley/averaging/parameter_copies.h"
#include "parley/averaging/parameters.h"
#include "parley/averaging/state.h"
#include "parley/comm/communicator.h"
#include "parley/device/device.h"

namespace parley {

// An outer optimizer with what it keeps beside the parameters that are
// averaged: the anchor first, then its own state.
//
// Thread-safety: thread-compatible.
class OuterState {
 public:
  // The anchor starts as the parameters' values, all else as zeros; complete on
  // return. `parameters` and `device` must outlive the object; memory is taken
  // from `allocator`, the device's own or one that the device can reach.
  static absl::StatusOr<std::unique_ptr<OuterState>> Create(
      std::shared_ptr<const OuterOptimizer> optimizer,
      const ParameterSet& parameters, Device& device, Allocator& allocator);

  // Bytes that the state of `optimizer` takes beside `parameters`.
  static int64_t BytesOf(const OuterOptimizer& optimizer,
                         const ParameterSet& parameters);

  // The anchor becomes the parameters' values again, and all else zeros.
  absl::Status Reset();

  // Of the anchor and all else; waits for it. Equal on all ranks as long as all
  // have taken the same steps.
  absl::StatusOr<uint64_t> Fingerprint() const;

  // Collective: all ranks get rank 0's. Blocks.
  absl::Status Broadcast(Communicator& communicator,
                         const CallOptions& options) const;

  // The anchor and all else become `tensors`, in the order of Tensors().
  // kInvalidArgument, naming the tensor, for other ones; all is then as it was.
  absl::Status Load(absl::Span<const NamedTensor> tensors);

  // The anchor and all else, as "anchor.fc.weight", "momentum.fc.weight".
  std::vector<NamedTensor> Tensors() const;

  const OuterOptimizer& optimizer() const { return *optimizer_; }

  // The anchor, then what optimizer().state() names, in that order.
  absl::Span<const ParameterCopies> copies() const { return copies_; }

 private:
  OuterState(std::shared_ptr<const OuterOptimizer> optimizer,
             const ParameterSet& parameters, Device& device)
      : optimizer_(std::move(optimizer)),
        parameters_(parameters),
        device_(device) {}

  const std::shared_ptr<const OuterOptimizer> optimizer_;
  const ParameterSet& parameters_;
  Device& device_;
  std::vector<ParameterCopies> copies_;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_OUTER_OUTER_STATE_H_
