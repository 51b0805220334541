// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/outer/outer_state.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "parley/averaging/annotate.h"
#include "parley/averaging/storage_order.h"
#include "parley/base/hash.h"
#include "parley/base/status_macros.h"
#include "parley/comm/work.h"

namespace parley {
namespace {

absl::Status EnqueueZeros(Device& device, const ParameterCopies& copies,
                          const Allocation& zero, Stream& stream) {
  for (const NamedTensor& tensor : copies.tensors()) {
    const int64_t count = tensor.tensor.count();
    const int64_t no_stride = 0;
    const TensorCopy copy = {
        *TensorView::Strided(zero.data(), tensor.tensor.dtype(), {&count, 1},
                             {&no_stride, 1}, device.id()),
        tensor.tensor};
    PARLEY_RETURN_IF_ERROR(device.Copy({&copy, 1}, stream));
    PARLEY_RETURN_IF_ERROR(stream.WaitHost(absl::InfiniteDuration()));
  }
  return absl::OkStatus();
}

// `anchor` = `tensor`, widened. A strided tensor is packed first.
absl::Status Widen(Device& device, const TensorView& tensor, void* anchor,
                   Stream& stream) {
  Allocation packed;
  const void* from = tensor.data();
  if (!tensor.IsDense()) {
    PARLEY_ASSIGN_OR_RETURN(
        packed, Allocation::Create(device.allocator(), tensor.bytes()));
    const TensorCopy copy = {
        InStorageOrder(tensor),
        {packed.data(), tensor.dtype(), tensor.count(), tensor.device()}};
    PARLEY_RETURN_IF_ERROR(device.Copy({&copy, 1}, stream));
    PARLEY_RETURN_IF_ERROR(stream.WaitHost(absl::InfiniteDuration()));
    from = packed.data();
  }
  const ElementwisePiece piece = {{const_cast<void*>(from), anchor},
                                  tensor.count()};
  PARLEY_RETURN_IF_ERROR(device.Elementwise(
      {ElementwiseOp::kCast,
       {tensor.dtype(), ParameterCopies::DTypeFor(tensor.dtype())},
       {},
       &piece,
       1},
      stream));
  return stream.WaitHost(absl::InfiniteDuration());
}

}  // namespace

int64_t OuterState::BytesOf(const OuterOptimizer& optimizer,
                            const ParameterSet& parameters) {
  return ParameterCopies::BytesOf(parameters) *
         static_cast<int64_t>(1 + optimizer.state().size());
}

absl::StatusOr<std::unique_ptr<OuterState>> OuterState::Create(
    std::shared_ptr<const OuterOptimizer> optimizer,
    const ParameterSet& parameters, Device& device, Allocator& allocator) {
  std::vector<absl::string_view> names = {"anchor"};
  for (absl::string_view name : optimizer->state()) names.push_back(name);
  auto state = std::unique_ptr<OuterState>(
      new OuterState(std::move(optimizer), parameters, device));
  for (absl::string_view name : names) {
    PARLEY_ASSIGN_OR_RETURN(
        ParameterCopies copies,
        ParameterCopies::Create(name, parameters, allocator));
    state->copies_.push_back(std::move(copies));
  }
  PARLEY_RETURN_IF_ERROR(state->Reset());
  return state;
}

absl::Status OuterState::Reset() {
  PARLEY_ASSIGN_OR_RETURN(const auto stream, device_.CreateStream());
  PARLEY_ASSIGN_OR_RETURN(
      const Allocation zero,
      Allocation::Create(device_.host_visible_allocator(), sizeof(double)));
  *static_cast<double*>(zero.data()) = 0;
  const ParameterCopies& anchor = copies_.front();
  for (size_t i = 0; i < parameters_.entries().size(); ++i) {
    const ParameterSet::Entry& entry = parameters_.entries()[i];
    if (entry.policy != Policy::kAverage) continue;
    PARLEY_RETURN_IF_ERROR(Widen(device_, entry.parameter.tensor,
                                 anchor.At(static_cast<int>(i), 0), *stream));
  }
  for (size_t k = 1; k < copies_.size(); ++k) {
    PARLEY_RETURN_IF_ERROR(EnqueueZeros(device_, copies_[k], zero, *stream));
  }
  return absl::OkStatus();
}

std::vector<NamedTensor> OuterState::Tensors() const {
  std::vector<NamedTensor> tensors;
  for (const ParameterCopies& copies : copies_) {
    tensors.insert(tensors.end(), copies.tensors().begin(),
                   copies.tensors().end());
  }
  return tensors;
}

absl::StatusOr<uint64_t> OuterState::Fingerprint() const {
  PARLEY_ASSIGN_OR_RETURN(const auto stream, device_.CreateStream());
  PARLEY_ASSIGN_OR_RETURN(
      const Allocation memory,
      Allocation::Create(device_.host_visible_allocator(), sizeof(uint64_t)));
  auto* const sum = static_cast<uint64_t*>(memory.data());
  *sum = 0;
  std::vector<FingerprintPiece> pieces;
  for (const NamedTensor& tensor : Tensors()) {
    pieces.push_back({tensor.tensor.data(), tensor.tensor.dtype(),
                      tensor.tensor.count(), HashString(tensor.name), 0});
  }
  PARLEY_RETURN_IF_ERROR(device_.Fingerprint(
      {pieces.data(), static_cast<int64_t>(pieces.size()), sum}, *stream));
  PARLEY_RETURN_IF_ERROR(stream->WaitHost(absl::InfiniteDuration()));
  return *sum;
}

absl::Status OuterState::Broadcast(Communicator& communicator,
                                   const CallOptions& options) const {
  PARLEY_ASSIGN_OR_RETURN(const auto stream, device_.CreateStream());
  std::vector<TensorView> tensors;
  for (const NamedTensor& tensor : Tensors()) tensors.push_back(tensor.tensor);
  absl::StatusOr<Work> work =
      communicator.Broadcast(tensors, /*root=*/0, *stream, options);
  absl::Status status = work.status();
  if (status.ok()) status = work->WaitHost();
  if (!status.ok()) {
    communicator.Abort(status);
    // Told by the work; the tensors are this rank's again behind this.
    stream->WaitHost(absl::InfiniteDuration()).IgnoreError();
  }
  return Annotate(status, "broadcast of the outer state");
}

absl::Status OuterState::Load(absl::Span<const NamedTensor> tensors) {
  const std::vector<NamedTensor> mine = Tensors();
  if (tensors.size() != mine.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "state: tensors: ", tensors.size(), ", must be ", mine.size()));
  }
  std::vector<TensorCopy> copies;
  for (size_t i = 0; i < mine.size(); ++i) {
    const TensorView& from = tensors[i].tensor;
    const TensorView& to = mine[i].tensor;
    if (tensors[i].name != mine[i].name || from.dtype() != to.dtype() ||
        from.count() != to.count() || !from.IsDense()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "state: tensor: got \"", tensors[i].name, "\" ", from.ToString(),
          ", expected \"", mine[i].name, "\" ", to.ToString()));
    }
    copies.push_back({from.Slice(0, from.count()), to});
  }
  PARLEY_ASSIGN_OR_RETURN(const auto stream, device_.CreateStream());
  PARLEY_RETURN_IF_ERROR(device_.Copy(
      {copies.data(), static_cast<int64_t>(copies.size())}, *stream));
  return stream->WaitHost(absl::InfiniteDuration());
}

}  // namespace parley
