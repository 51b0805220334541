// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_HEADER_H_
#define PARLEY_AVERAGING_HEADER_H_

#include <cstdint>
#include <limits>

#include "absl/strings/string_view.h"

namespace parley {

// Which call of the averager a rank is in.
enum class CallKind : uint8_t {
  kCreate = 0,
  kRebind = 1,
  kStep = 2,
  kAverageNow = 3,
  kFinish = 4,  // serves what the others are in
};

// "Step()".
inline absl::string_view Name(CallKind kind) {
  switch (kind) {
    case CallKind::kCreate:
      return "Create()";
    case CallKind::kRebind:
      return "Rebind()";
    case CallKind::kStep:
      return "Step()";
    case CallKind::kAverageNow:
      return "AverageNow()";
    case CallKind::kFinish:
      return "Finish()";
  }
  return "an unknown call";
}

// What a rank tells all others at the opening of a meeting. Travels as bytes:
// ranks have equal byte order and alignment.
//
// Thread-safety: a value.
struct Header {
  uint64_t description = 0;  // its hash
  int64_t step = 0;          // as are meetings, the same on all but in kRebind
  int64_t meetings = 0;      // complete so far
  double weight = 1;
  double learning_rate = std::numeric_limits<double>::quiet_NaN();
  double loss = std::numeric_limits<double>::quiet_NaN();
  CallKind kind = CallKind::kStep;
  bool moved = false;    // local steps were taken since the last meeting
  bool refuses = false;  // this rank's own check failed
  uint8_t padding[5] = {};
};
static_assert(sizeof(Header) == 56, "headers have no hidden padding");

}  // namespace parley

#endif  // PARLEY_AVERAGING_HEADER_H_
