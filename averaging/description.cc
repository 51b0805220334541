// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/description.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/base/hash.h"

namespace parley {
namespace {

// A number is not the bits or the text that look like it.
uint64_t HashOf(const Description::Value& value) {
  uint64_t hash = 0;
  if (const auto* number = std::get_if<int64_t>(&value)) {
    hash = static_cast<uint64_t>(*number);
  } else if (const auto* bits = std::get_if<Description::Bits>(&value)) {
    hash = bits->value;
  } else {
    hash = HashString(std::get<std::string>(value));
  }
  return HashCombine(value.index(), hash);
}

}  // namespace

void Description::Set(absl::string_view name, Value value) {
  const uint64_t hash = HashCombine(HashString(name), HashOf(value));
  for (Field& field : fields_) {
    if (field.name != name) continue;
    field.value = std::move(value);
    field.hash = hash;
    return;
  }
  fields_.push_back({std::string(name), std::move(value), hash});
}

void Description::Append(absl::string_view prefix, const Description& other) {
  for (const Field& field : other.fields()) {
    Set(absl::StrCat(prefix, ".", field.name), field.value);
  }
}

uint64_t Description::Hash() const {
  uint64_t hash = fields_.size();
  for (const Field& field : fields_) hash = HashCombine(hash, field.hash);
  return hash;
}

std::string ToString(const Description::Value& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) {
    return absl::StrCat(*number);
  }
  if (const auto* bits = std::get_if<Description::Bits>(&value)) {
    return absl::StrCat("0x", absl::Hex(bits->value, absl::kZeroPad16));
  }
  return std::get<std::string>(value);
}

std::string ToString(const Description& description) {
  std::string text;
  for (const Description::Field& field : description.fields()) {
    if (text.empty()) {
      text = ToString(field.value);
    } else {
      absl::StrAppend(&text, ", ", field.name, " ", ToString(field.value));
    }
  }
  return text;
}

}  // namespace parley
