// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// StateWriter and StateReader: a SavedState's description, which is one flat
// JSON object of integers and texts with a schema version and a checksum.
//
//   StateWriter writer("ema");
//   writer.SetInteger("count", 7);
//   state.description = writer.ToJson();
//
//   PARLEY_ASSIGN_OR_RETURN(StateReader reader,
//                           StateReader::Parse(state.description, "ema"));
//   PARLEY_ASSIGN_OR_RETURN(int64_t count, reader.Integer("count"));
//   PARLEY_RETURN_IF_ERROR(reader.CheckChecksum());
//
// All errors are kInvalidArgument and name the field. A description may come
// from anybody: whatever is in it, it is read or refused.
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_AVERAGING_STATE_FIELDS_H_
#define PARLEY_AVERAGING_STATE_FIELDS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace parley {

class StateWriter {
 public:
  // `kind` says what the state is of.
  explicit StateWriter(absl::string_view kind);

  void SetInteger(absl::string_view name, int64_t value);
  void SetText(absl::string_view name, absl::string_view value);
  // 64 bits, exactly: fingerprints, and doubles with all their values.
  void SetBits(absl::string_view name, uint64_t value);

  std::string ToJson() const;

 private:
  nlohmann::json json_;
};

class StateReader {
 public:
  // Refuses what is not JSON (base/json.h), and states of another kind or
  // version.
  static absl::StatusOr<StateReader> Parse(const std::string& description,
                                           absl::string_view kind);

  bool Has(absl::string_view name) const;

  // The field, which must be there and at least `least`.
  absl::StatusOr<int64_t> Integer(absl::string_view name,
                                  int64_t least = 0) const;
  absl::StatusOr<uint64_t> Bits(absl::string_view name) const;

  // Refuses a state in which the field is not what it is here.
  absl::Status ExpectInteger(absl::string_view name, int64_t here) const;
  absl::Status ExpectText(absl::string_view name, absl::string_view here) const;
  absl::Status ExpectBits(absl::string_view name, uint64_t here) const;

  // To be called last, since any other error says more.
  absl::Status CheckChecksum() const;

 private:
  explicit StateReader(nlohmann::json json) : json_(std::move(json)) {}

  absl::StatusOr<std::string> Text(absl::string_view name) const;

  nlohmann::json json_;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_STATE_FIELDS_H_
