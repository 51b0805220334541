// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/temporal_average.h"

#include <algorithm>
#include <utility>

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

// A tensor like `tensor` over other memory, of another dtype.
TensorView Like(const TensorView& tensor, DType dtype, void* data) {
  if (!tensor.IsDense()) {
    return TensorView(data, dtype, tensor.shape(), tensor.device());
  }
  return *TensorView::Strided(data, dtype, tensor.shape(), tensor.strides(),
                              tensor.device());
}

bool IsAveraged(const ParameterSet::Entry& entry) {
  return entry.policy == Policy::kAverage;
}

// What the average of the parameter is kept in.
DType KeptIn(const ParameterSet::Entry& entry,
             TemporalAverage::Precision precision) {
  const DType dtype = entry.parameter.tensor.dtype();
  const bool widened = precision == TemporalAverage::kAtLeastFloat32 &&
                       IsAveraged(entry) && SizeOf(dtype) < 4;
  return widened ? DType::kFloat32 : dtype;
}

absl::Status CheckLike(const NamedTensor& got, const NamedTensor& expected) {
  const TensorView& a = got.tensor;
  const TensorView& b = expected.tensor;
  if (got.name == expected.name && a.dtype() == b.dtype() &&
      a.shape() == b.shape() && a.device() == b.device()) {
    return absl::OkStatus();
  }
  const bool other_precision = got.name == expected.name &&
                               IsFloating(a.dtype()) && IsFloating(b.dtype()) &&
                               a.dtype() != b.dtype();
  return absl::InvalidArgumentError(absl::StrCat(
      "state: tensor: got \"", got.name, "\" ", a.ToString(), ", expected \"",
      expected.name, "\" ", b.ToString(),
      other_precision ? "; the average was saved with another precision: set "
                        "TemporalAverage::Options::precision to that"
                      : ""));
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
    bytes +=
        Aligned(tensor.count() * SizeOf(KeptIn(entry, options_.precision)));
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
  for (size_t i = 0; i < parameters_.entries().size(); ++i) {
    const ParameterSet::Entry& entry = parameters_.entries()[i];
    const TensorView& tensor = entry.parameter.tensor;
    const TensorView average =
        Like(tensor, KeptIn(entry, options_.precision), next);
    tensors_.push_back({entry.parameter.name, average});
    next += Aligned(average.bytes());
    if (!IsAveraged(entry)) {
      copies_.push_back({tensor, average});
      continue;
    }
    AddToBatch(i);
    if (tensor.dtype() == average.dtype()) {
      first_copies_.push_back({tensor, average});
    }
  }
  return absl::OkStatus();
}

void TemporalAverage::AddToBatch(size_t index) {
  const TensorView& tensor = parameters_.entries()[index].parameter.tensor;
  const TensorView& average = tensors_[index].tensor;
  auto batch = batches_.end();
  if (tensor.IsDense()) {
    batch = std::find_if(batches_.begin(), batches_.end(), [&](const Batch& b) {
      return b.from == tensor.dtype() && b.strided.to.count() == 0;
    });
  }
  if (batch == batches_.end()) {
    batch = batches_.emplace(batches_.end());
    batch->from = tensor.dtype();
    batch->to = average.dtype();
  }
  void* parameter = tensor.data();
  if (!tensor.IsDense()) {
    batch->strided = {tensor, Like(tensor, tensor.dtype(), scratch_.data())};
    parameter = scratch_.data();
  }
  batch->indices.push_back(index);
  batch->pieces.push_back({{parameter, average.data()}, average.count()});
}

absl::Status TemporalAverage::Update(Stream* stream) {
  Stream& used = stream == nullptr ? *stream_ : *stream;
  const bool first = count_ == 0;
  PARLEY_RETURN_IF_ERROR(Copy(copies_, used));
  if (first) PARLEY_RETURN_IF_ERROR(Copy(first_copies_, used));
  for (const Batch& batch : batches_) {
    if (first && batch.from == batch.to) continue;
    if (batch.strided.to.count() > 0) {
      PARLEY_RETURN_IF_ERROR(Copy({&batch.strided, 1}, used));
    }
    PARLEY_RETURN_IF_ERROR(first ? Cast(batch, used) : Lerp(batch, used));
  }
  ++count_;
  return stream == nullptr ? stream_->WaitHost(absl::InfiniteDuration())
                           : absl::OkStatus();
}

TemporalAverage::Batch TemporalAverage::Reversed(
    const Batch& batch, const ParameterSet& parameters) const {
  Batch reversed = batch;
  std::swap(reversed.from, reversed.to);
  std::swap(reversed.strided.from, reversed.strided.to);
  for (size_t k = 0; k < batch.pieces.size(); ++k) {
    const TensorView& parameter =
        parameters.entries()[batch.indices[k]].parameter.tensor;
    void** const operands = reversed.pieces[k].operands;
    std::swap(operands[0], operands[1]);
    if (parameter.IsDense()) {
      operands[1] = parameter.data();
    } else {
      reversed.strided.to = parameter;
    }
  }
  return reversed;
}

absl::Status TemporalAverage::Cast(const Batch& batch, Stream& stream) {
  return device_.Elementwise({ElementwiseOp::kCast,
                              {batch.from, batch.to},
                              {},
                              batch.pieces.data(),
                              static_cast<int64_t>(batch.pieces.size())},
                             stream);
}

absl::Status TemporalAverage::Lerp(const Batch& batch, Stream& stream) {
  const double t = options_.kind == kEma
                       ? 1 - options_.decay
                       : 1 / (static_cast<double>(count_) + 1);
  return device_.Elementwise({ElementwiseOp::kLerp,
                              {batch.from, batch.to},
                              {t},
                              batch.pieces.data(),
                              static_cast<int64_t>(batch.pieces.size())},
                             stream);
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
  Stream& used = stream == nullptr ? *stream_ : *stream;
  std::vector<TensorCopy> copies;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const TensorView& to = parameters.entries()[i].parameter.tensor;
    if (tensors_[i].tensor.dtype() == to.dtype()) {
      copies.push_back({tensors_[i].tensor, to});
    }
  }
  PARLEY_RETURN_IF_ERROR(Copy(copies, used));
  // All of them before the first is enqueued, which needs it until it is done.
  std::vector<Batch> roundings;
  for (const Batch& batch : batches_) {
    if (batch.from != batch.to)
      roundings.push_back(Reversed(batch, parameters));
  }
  for (const Batch& rounding : roundings) {
    PARLEY_RETURN_IF_ERROR(Cast(rounding, used));
    if (rounding.strided.to.count() > 0) {
      PARLEY_RETURN_IF_ERROR(Copy({&rounding.strided, 1}, used));
    }
  }
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
