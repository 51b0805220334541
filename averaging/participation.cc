// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/participation.h"

#include "absl/strings/str_cat.h"
#include "parley/base/hash.h"

namespace parley {

Participation::Participation(const ParameterSet& parameters)
    : parameters_(parameters) {
  flags_.reserve(parameters.entries().size());
  for (const ParameterSet::Entry& entry : parameters.entries()) {
    flags_.push_back(entry.policy != Policy::kLeave);
    count_ += flags_.back();
  }
}

absl::Status Participation::Ask() {
  const auto entries = parameters_.entries();
  int64_t asked = 0;
  count_ = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    const auto& takes_part = entries[i].parameter.takes_part;
    if (entries[i].policy == Policy::kLeave) continue;
    ++asked;
    flags_[i] = takes_part == nullptr || takes_part();
    count_ += flags_[i];
  }
  if (count_ > 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "no parameter takes part in this meeting: takes_part of all ", asked,
      " says no (were gradients cleared before the averager was called?)"));
}

uint64_t Participation::Fingerprint() const {
  return HashBytes(flags_.data(), flags_.size());
}

std::string Participation::ToString() const {
  std::string text;
  for (size_t i = 0; i < flags_.size(); ++i) {
    const ParameterSet::Entry& entry = parameters_.entries()[i];
    if (flags_[i] || entry.policy == Policy::kLeave) continue;
    absl::StrAppend(&text, text.empty() ? "without " : ", ",
                    entry.parameter.name);
  }
  return text.empty() ? "with all" : text;
}

}  // namespace parley
