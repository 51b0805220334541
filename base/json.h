// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// ParseJson: JSON that may come from anybody, such as a file.
//
//   PARLEY_ASSIGN_OR_RETURN(const nlohmann::json state, ParseJson(text));
//
// nlohmann::json takes any depth, and copying, hashing or printing what it read
// then ends the process; and of two members of one name it keeps one, where
// another reader keeps the other. Here both are errors.
//
// Thread-safety: thread-safe.
#ifndef PARLEY_BASE_JSON_H_
#define PARLEY_BASE_JSON_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace parley {

// OK if ParseJson() takes the text.
absl::Status CheckJson(absl::string_view text);

// `Json` is nlohmann::json or nlohmann::ordered_json. kInvalidArgument, saying
// what and where, for a text that is not JSON or holds a zero byte, for objects
// and lists nested more than 16 deep, and for an object in which a name stands
// twice.
template <typename Json = nlohmann::json>
absl::StatusOr<Json> ParseJson(absl::string_view text) {
  absl::Status status = CheckJson(text);
  if (!status.ok()) return status;
  return Json::parse(text.begin(), text.end());
}

}  // namespace parley

#endif  // PARLEY_BASE_JSON_H_
