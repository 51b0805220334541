// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// WithMessage: an error in other words. Whoever adds to a message builds a new
// status, and a new status made of a code and a message alone has lost what
// else the old one told (absl's payloads: comm/lost_ranks.h).
//
//   return WithMessage(status, absl::StrCat("bucket 3: ", status.message()));
//
// Thread-safety: a function of its arguments.
#ifndef PARLEY_BASE_WITH_MESSAGE_H_
#define PARLEY_BASE_WITH_MESSAGE_H_

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"

namespace parley {

// The code and the payloads of `status`, with `message`.
inline absl::Status WithMessage(const absl::Status& status,
                                absl::string_view message) {
  absl::Status other(status.code(), message);
  status.ForEachPayload(
      [&other](absl::string_view type_url, const absl::Cord& payload) {
        other.SetPayload(type_url, payload);
      });
  return other;
}

}  // namespace parley

#endif  // PARLEY_BASE_WITH_MESSAGE_H_
