// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/parameters.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/base/hash.h"
#include "parley/base/status_macros.h"

namespace parley {
namespace {

std::string Describe(const Parameter& parameter) {
  return absl::StrCat("parameter \"", parameter.name, "\" (",
                      parameter.tensor.ToString(), ")");
}

absl::Status CheckPolicy(const Parameter& parameter, Policy policy) {
  const DType dtype = parameter.tensor.dtype();
  if (policy == Policy::kAverage && !IsFloating(dtype)) {
    return absl::InvalidArgumentError(absl::StrCat(
        Describe(parameter), ": policy average takes floating-point tensors ",
        "only; integers have integer_mean, broadcast and leave"));
  }
  if (policy == Policy::kIntegerMean &&
      (IsFloating(dtype) || dtype == DType::kBool)) {
    return absl::InvalidArgumentError(
        absl::StrCat(Describe(parameter),
                     ": policy integer_mean takes integer tensors only"));
  }
  return absl::OkStatus();
}

// Bytes from the first element to the end of the last.
int64_t ExtentBytes(const TensorView& tensor) {
  int64_t last = 0;
  for (size_t d = 0; d < tensor.shape().size(); ++d) {
    last += (tensor.shape()[d] - 1) * tensor.strides()[d];
  }
  return (last + 1) * SizeOf(tensor.dtype());
}

// Whether no two indices are the same element. Sufficient, and necessary for
// all layouts that slicing, transposing and padding make: from the innermost
// dimension outwards, each stride must leap over all that is inside.
bool HasDistinctElements(const TensorView& tensor) {
  std::vector<std::pair<int64_t, int64_t>> dimensions;  // stride, size
  for (size_t d = 0; d < tensor.shape().size(); ++d) {
    if (tensor.shape()[d] > 1) {
      dimensions.emplace_back(tensor.strides()[d], tensor.shape()[d]);
    }
  }
  std::sort(dimensions.begin(), dimensions.end());
  int64_t extent = 1;
  for (const auto& [stride, size] : dimensions) {
    if (stride < extent) return false;
    extent += (size - 1) * stride;
  }
  return true;
}

absl::Status CheckParameter(const Parameter& parameter, Policy policy) {
  if (parameter.name.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(Describe(parameter), ": the name is empty"));
  }
  PARLEY_RETURN_IF_ERROR(CheckPolicy(parameter, policy));
  if (parameter.tensor.count() == 0) return absl::OkStatus();
  if (parameter.tensor.data() == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(Describe(parameter), ": the data pointer is null"));
  }
  if (!HasDistinctElements(parameter.tensor)) {
    return absl::InvalidArgumentError(
        absl::StrCat(Describe(parameter), ": its elements overlap"));
  }
  return absl::OkStatus();
}

using Entries = absl::Span<const ParameterSet::Entry>;

absl::Status CheckNames(Entries entries) {
  std::vector<const Parameter*> sorted;
  for (const auto& entry : entries) sorted.push_back(&entry.parameter);
  auto same = [](auto* a, auto* b) { return a->name == b->name; };
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](auto* a, auto* b) { return a->name < b->name; });
  auto twice = std::adjacent_find(sorted.begin(), sorted.end(), same);
  if (twice == sorted.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(Describe(**(twice + 1)), ": the name is used twice"));
}

absl::Status CheckMemory(Entries entries) {
  std::vector<const Parameter*> sorted;
  for (const auto& entry : entries) {
    if (entry.parameter.tensor.count() > 0) sorted.push_back(&entry.parameter);
  }
  auto begin = [](const Parameter* parameter) {
    return reinterpret_cast<uintptr_t>(parameter->tensor.data());
  };
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](auto* a, auto* b) { return begin(a) < begin(b); });
  for (size_t i = 1; i < sorted.size(); ++i) {
    const Parameter* before = sorted[i - 1];
    if (sorted[i]->tensor.device() != before->tensor.device()) {
      return absl::InvalidArgumentError(absl::StrCat(
          Describe(*sorted[i]), ": is on ",
          ToString(sorted[i]->tensor.device()), ", but ", Describe(*before),
          " on ", ToString(before->tensor.device())));
    }
    if (begin(sorted[i]) - begin(before) <
        static_cast<uint64_t>(ExtentBytes(before->tensor))) {
      return absl::InvalidArgumentError(
          absl::StrCat(Describe(*sorted[i]), ": overlaps the memory of ",
                       Describe(*before)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view Name(Policy policy) {
  switch (policy) {
    case Policy::kAverage:
      return "average";
    case Policy::kIntegerMean:
      return "integer_mean";
    case Policy::kBroadcast:
      return "broadcast";
    case Policy::kLeave:
      return "leave";
  }
  return "unknown";
}

ParameterSet::ParameterSet(std::vector<Entry> entries)
    : entries_(std::move(entries)) {
  for (const Entry& entry : entries_) count_ += entry.parameter.tensor.count();
}

absl::StatusOr<ParameterSet> ParameterSet::Create(
    std::vector<ParameterGroup> groups) {
  std::vector<Entry> entries;
  for (ParameterGroup& group : groups) {
    for (Parameter& parameter : group.parameters) {
      PARLEY_RETURN_IF_ERROR(CheckParameter(parameter, group.policy));
      const uint64_t id = HashString(parameter.name);
      entries.push_back({std::move(parameter), group.policy, id});
    }
  }
  PARLEY_RETURN_IF_ERROR(CheckNames(entries));
  PARLEY_RETURN_IF_ERROR(CheckMemory(entries));
  return ParameterSet(std::move(entries));
}

absl::Status ParameterSet::CheckDevice(DeviceId device) const {
  for (const Entry& entry : entries_) {
    const TensorView& tensor = entry.parameter.tensor;
    if (tensor.count() == 0 || tensor.device() == device) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "parameter \"", entry.parameter.name, "\" is on ",
        ToString(tensor.device()), ", the communicator on ", ToString(device)));
  }
  return absl::OkStatus();
}

uint64_t ParameterSet::Fingerprint() const {
  uint64_t hash = entries_.size();
  for (const Entry& entry : entries_) {
    const TensorView& tensor = entry.parameter.tensor;
    hash = HashCombine(hash, entry.id);
    hash = HashCombine(hash, static_cast<uint64_t>(entry.policy));
    hash = HashCombine(hash, static_cast<uint64_t>(tensor.dtype()));
    hash = HashCombine(hash, tensor.shape().size());
    for (size_t d = 0; d < tensor.shape().size(); ++d) {
      hash = HashCombine(hash, static_cast<uint64_t>(tensor.shape()[d]));
      // Tensors travel in storage order.
      if (tensor.shape()[d] > 1) {
        hash = HashCombine(hash, static_cast<uint64_t>(tensor.strides()[d]));
      }
    }
  }
  return hash;
}

}  // namespace parley
