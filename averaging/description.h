// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_DESCRIPTION_H_
#define PARLEY_AVERAGING_DESCRIPTION_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace parley {

// What something is configured to do, as names and values in an order. One
// description serves three readers: ranks, which compare its hash and exchange
// what is behind it only where hashes differ; a saved state, which is checked
// against it; and people.
//
//   Description description;
//   description.Set("kind", "periodic");
//   description.Set("period", 8);
//   ToString(description);  // "periodic, period 8"
//
// Thread-safety: thread-compatible, a value.
class Description {
 public:
  // 64 bits that are no number: a hash.
  struct Bits {
    uint64_t value;
  };
  using Value = std::variant<int64_t, Bits, std::string>;

  struct Field {
    std::string name;
    Value value;
    uint64_t hash;  // of both
  };

  // Gives the field this value, behind all others if it is new. A number or
  // bits in place of their like allocate nothing.
  void Set(absl::string_view name, Value value);

  // Adds the fields of `other`, named "prefix.name".
  void Append(absl::string_view prefix, const Description& other);

  absl::Span<const Field> fields() const { return fields_; }

  // Of names, values and their order; base/hash.h, so the same everywhere.
  uint64_t Hash() const;

 private:
  std::vector<Field> fields_;
};

// "8", "0x00000000000000ff", "periodic".
std::string ToString(const Description::Value& value);

// The value of the first field, which is the kind, then names and values:
// "periodic, period 8".
std::string ToString(const Description& description);

}  // namespace parley

#endif  // PARLEY_AVERAGING_DESCRIPTION_H_
