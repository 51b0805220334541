// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/parameter_copies.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/base/status_macros.h"

namespace parley {
namespace {

int64_t AlignedBytesOf(const ParameterSet::Entry& entry) {
  if (entry.policy != Policy::kAverage) return 0;
  const TensorView& tensor = entry.parameter.tensor;
  const int64_t bytes =
      tensor.count() * SizeOf(ParameterCopies::DTypeFor(tensor.dtype()));
  return (bytes + Allocator::kAlignment - 1) / Allocator::kAlignment *
         Allocator::kAlignment;
}

}  // namespace

int64_t ParameterCopies::BytesOf(const ParameterSet& parameters) {
  int64_t bytes = 0;
  for (const ParameterSet::Entry& entry : parameters.entries()) {
    bytes += AlignedBytesOf(entry);
  }
  return bytes;
}

absl::StatusOr<ParameterCopies> ParameterCopies::Create(
    absl::string_view name, const ParameterSet& parameters,
    Allocator& allocator) {
  ParameterCopies copies;
  PARLEY_ASSIGN_OR_RETURN(copies.memory_,
                          Allocation::Create(allocator, BytesOf(parameters)));
  auto* next = static_cast<char*>(copies.memory_.data());
  for (const ParameterSet::Entry& entry : parameters.entries()) {
    copies.by_parameter_.push_back(-1);
    if (entry.policy != Policy::kAverage) continue;
    const TensorView& tensor = entry.parameter.tensor;
    copies.by_parameter_.back() = static_cast<int>(copies.tensors_.size());
    copies.tensors_.push_back({absl::StrCat(name, ".", entry.parameter.name),
                               TensorView(next, DTypeFor(tensor.dtype()),
                                          tensor.count(), tensor.device())});
    next += AlignedBytesOf(entry);
  }
  return copies;
}

}  // namespace parley
