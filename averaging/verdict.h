// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_VERDICT_H_
#define PARLEY_AVERAGING_VERDICT_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "parley/averaging/header.h"
#include "parley/averaging/schedule.h"

namespace parley {

// Why ranks do not meet, as far as their headers tell.
//
// Thread-safety: a value.
struct Dispute {
  enum class Cause {
    kNone,
    kRefusal,      // the check of `rank` failed
    kCall,         // `rank` is in another call or at another step than `other`
    kDescription,  // their descriptions differ
  };

  Cause cause = Cause::kNone;
  int rank = 0;
  int other = 0;  // the lowest rank that is still training, if any
};

// Finds the lowest rank that refuses, or else the lowest one that differs. A
// pure function: who has the same headers comes to the same dispute.
Dispute FindDispute(absl::Span<const Header> headers);

// What ranks that do not differ do next, all alike.
//
// Thread-safety: thread-compatible, a value.
struct Verdict {
  // The call of those that are still training; kFinish if nobody is.
  CallKind kind = CallKind::kStep;

  // Of that call, and how many meetings were held. After a failure, ranks
  // rebind at different ones: those of whoever is furthest.
  int64_t step = 0;
  int64_t meetings = 0;

  // Who enters the mean, by rank.
  std::vector<double> weights;

  // Whether any rank has taken local steps since the last meeting.
  bool any_moved = false;

  // Those of this call: NaN where nobody is training. Where ranks rebind, those
  // that rank 0 has kept.
  Signals signals;

  bool all_finished() const { return kind == CallKind::kFinish; }
};

// Sets `verdict` to what `headers`, which have no dispute, amount to on `rank`.
// kInvalidArgument on all ranks if weights make no mean.
absl::Status Judge(absl::Span<const Header> headers, int rank,
                   Verdict& verdict);

}  // namespace parley

#endif  // PARLEY_AVERAGING_VERDICT_H_
