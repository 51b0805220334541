// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/temporal_average.h"

#include <algorithm>

#include "absl/base/casts.h"
#include "absl/strings/str_cat.h"
#include "parley/averaging/state_fields.h"
#include "parley/base/status_macros.h"

namespace parley {
namespace {

constexpr char kStateKind[] = "temporal_average";

const char* Name(TemporalAverage::Kind kind) {
  return kind == TemporalAverage::kEma ? "ema" : "swa";
}

int64_t Aligned(int64_t bytes) {
  return (bytes + Allocator::kAlignment - 1) / Allocator::kAlignment *
         Allocator::kAlignment;
}

// A tensor like `tensor` over other memory.
TensorView Like(const TensorView& tensor, void* data) {
  if (!tensor.IsDense()) {
    return TensorView(data, tensor.dtype(), tensor.shape(), tensor.device());
  }
  return *TensorView::Strided(data, tensor.dtype(), tensor.shape(),
                              tensor.strides(), tensor.device());
}

absl::Status CheckLike(const NamedTensor& got, const NamedTensor& expected) {
  const TensorView& a = got.tensor;
  const TensorView& b = expected.tensor;
  if (got.name == expected.name && a.dtype() == b.dtype() &&
      a.shape() == b.shape() && a.device() == b.device()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("state: tensor: got \"", got.name, "\" ", a.ToString(),
                   ", expected \"", expected.name, "\" ", b.ToString()));
}

}  // namespace

TemporalAverage::TemporalAverage(const ParameterSet& parameters, Device& device,
                                 const Options& options)
    : parameters_(parameters), device_(device), options_(options) {}

absl::StatusOr<std::unique_ptr<TemporalAverage>> TemporalAverage::Create(
    const ParameterSet& parameters, Device& device, const Options& options) {
  if (options.kind == kEma && !(options.decay >= 0 && options.decay <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("decay: ", options.decay, ", must be in [0, 1]"));
  }
  for (const ParameterSet::Entry& entry : parameters.entries()) {
    const TensorView& tensor = entry.parameter.tensor;
    if (tensor.count() == 0 || tensor.device() == device.id()) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "parameter \"", entry.parameter.name, "\" is on ",
        ToString(tensor.device()), ", the device is ", ToString(device.id())));
  }
  auto average = std::unique_ptr<TemporalAverage>(
      new TemporalAverage(parameters, device, options));
  PARLEY_RETURN_IF_ERROR(average->Allocate());
  return average;
}

absl::Status TemporalAverage::Allocate() {
  int64_t bytes = 0;
  int64_t scratch_bytes = 0;
  for (const ParameterSet::Entry& entry : parameters_.entries()) {
    const TensorView& tensor = entry.parameter.tensor;
    bytes += Aligned(tensor.bytes());
    if (!tensor.IsDense()) {
      scratch_bytes = std::max(scratch_bytes, tensor.bytes());
    }
  }
  PARLEY_ASSIGN_OR_RETURN(stream_, device_.CreateStream());
  PARLEY_ASSIGN_OR_RETURN(memory_,
                          Allocation::Create(device_.allocator(), bytes));
  PARLEY_ASSIGN_OR_RETURN(
      scratch_, Allocation::Create(device_.allocator(), scratch_bytes));
  auto* next = static_cast<char*>(memory_.data());
  for (const ParameterSet::Entry& entry : parameters_.entries()) {
    const TensorView& tensor = entry.parameter.tensor;
    tensors_.push_back({entry.parameter.name, Like(tensor, next)});
    copies_.push_back({tensor, tensors_.back().tensor});
    packs_.push_back({tensor, Like(tensor, scratch_.data())});
    next += Aligned(tensor.bytes());
  }
  return absl::OkStatus();
}

bool TemporalAverage::IsAveraged(size_t index) const {
  return parameters_.entries()[index].policy == Policy::kAverage;
}

absl::Status TemporalAverage::Update(Stream* stream) {
  Stream& used = stream == nullptr ? *stream_ : *stream;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    PARLEY_RETURN_IF_ERROR(UpdateTensor(i, used));
  }
  ++count_;
  return stream == nullptr ? stream_->WaitHost(absl::InfiniteDuration())
                           : absl::OkStatus();
}

absl::Status TemporalAverage::UpdateTensor(size_t index, Stream& stream) {
  if (count_ == 0 || !IsAveraged(index)) {
    return Copy({&copies_[index], 1}, stream);
  }
  const TensorView& average = tensors_[index].tensor;
  LerpArgs args;
  args.dtype = average.dtype();
  args.t = options_.kind == kEma ? 1 - options_.decay
                                 : 1 / (static_cast<double>(count_) + 1);
  args.x = copies_[index].from.data();
  args.y = average.data();
  args.count = average.count();
  if (!copies_[index].from.IsDense()) {
    PARLEY_RETURN_IF_ERROR(Copy({&packs_[index], 1}, stream));
    args.x = packs_[index].to.data();
  }
  return device_.Lerp(args, stream);
}

absl::Status TemporalAverage::Copy(absl::Span<const TensorCopy> copies,
                                   Stream& stream) {
  return device_.Copy({copies.data(), static_cast<int64_t>(copies.size())},
                      stream);
}

absl::Status TemporalAverage::CopyTo(const ParameterSet& parameters,
                                     Stream* stream) {
  if (count_ == 0) {
    return absl::FailedPreconditionError(
        "CopyTo(): there is no average before the first Update()");
  }
  if (parameters.Fingerprint() != parameters_.Fingerprint()) {
    return absl::InvalidArgumentError(
        "CopyTo(): other parameters than those that were averaged");
  }
  std::vector<TensorCopy> copies;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    copies.push_back(
        {tensors_[i].tensor, parameters.entries()[i].parameter.tensor});
  }
  Stream& used = stream == nullptr ? *stream_ : *stream;
  PARLEY_RETURN_IF_ERROR(Copy(copies, used));
  return used.WaitHost(absl::InfiniteDuration());
}

SavedState TemporalAverage::State() const {
  StateWriter writer(kStateKind);
  writer.SetText("average", Name(options_.kind));
  writer.SetBits("decay_bits", absl::bit_cast<uint64_t>(options_.decay));
  writer.SetBits("parameters", parameters_.Fingerprint());
  writer.SetInteger("count", count_);
  return {writer.ToJson(), count_ == 0 ? std::vector<NamedTensor>() : tensors_};
}

absl::Status TemporalAverage::Restore(const SavedState& state) {
  PARLEY_ASSIGN_OR_RETURN(const StateReader reader,
                          StateReader::Parse(state.description, kStateKind));
  PARLEY_RETURN_IF_ERROR(reader.ExpectText("average", Name(options_.kind)));
  PARLEY_RETURN_IF_ERROR(reader.ExpectBits(
      "decay_bits", absl::bit_cast<uint64_t>(options_.decay)));
  PARLEY_RETURN_IF_ERROR(
      reader.ExpectBits("parameters", parameters_.Fingerprint()));
  PARLEY_ASSIGN_OR_RETURN(const int64_t count, reader.Integer("count"));
  PARLEY_RETURN_IF_ERROR(reader.CheckChecksum());

  const size_t expected = count == 0 ? 0 : tensors_.size();
  if (state.tensors.size() != expected) {
    return absl::InvalidArgumentError(absl::StrCat(
        "state: tensors: ", state.tensors.size(), ", must be ", expected));
  }
  std::vector<TensorCopy> copies;
  for (size_t i = 0; i < expected; ++i) {
    PARLEY_RETURN_IF_ERROR(CheckLike(state.tensors[i], tensors_[i]));
    copies.push_back({state.tensors[i].tensor, tensors_[i].tensor});
  }
  PARLEY_RETURN_IF_ERROR(Copy(copies, *stream_));
  PARLEY_RETURN_IF_ERROR(stream_->WaitHost(absl::InfiniteDuration()));
  count_ = count;
  return absl::OkStatus();
}

}  // namespace parley
