// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Annotate: an error with words before its message that say where it happened.
// Whom it names as lost (comm/lost_ranks.h) stays with it.
#ifndef PARLEY_AVERAGING_ANNOTATE_H_
#define PARLEY_AVERAGING_ANNOTATE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "parley/base/with_message.h"

namespace parley {

// `status` if it is OK, else the same code and payloads with the message
// "where: message".
inline absl::Status Annotate(const absl::Status& status,
                             absl::string_view where) {
  if (status.ok()) return status;
  return WithMessage(status, absl::StrCat(where, ": ", status.message()));
}

}  // namespace parley

#endif  // PARLEY_AVERAGING_ANNOTATE_H_
