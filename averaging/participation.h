// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Participation: which parameters take part in a meeting, asked anew at each
// (Parameter::takes_part).
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_AVERAGING_PARTICIPATION_H_
#define PARLEY_AVERAGING_PARTICIPATION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "parley/averaging/parameters.h"

namespace parley {

class Participation {
 public:
  // `parameters` must outlive this.
  explicit Participation(const ParameterSet& parameters);

  // Asks all predicates. kFailedPrecondition, naming the cause, if nothing
  // takes part: averaging nothing is never what was meant.
  absl::Status Ask();

  // As of the last Ask(); all that is not left alone before it. A flag per
  // parameter, how many are set, and a hash of which.
  absl::Span<const uint8_t> flags() const { return flags_; }
  int64_t count() const { return count_; }
  uint64_t Fingerprint() const;

  // "without fc.bias, conv.bias"; "with all" if all take part.
  std::string ToString() const;

 private:
  const ParameterSet& parameters_;
  std::vector<uint8_t> flags_;
  int64_t count_ = 0;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_PARTICIPATION_H_
