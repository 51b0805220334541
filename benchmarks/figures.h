// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The scorecard's figures, each measured beside its limit in one process: these
// machines are noisy, so a time alone means little.
#ifndef PARLEY_BENCHMARKS_FIGURES_H_
#define PARLEY_BENCHMARKS_FIGURES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace parley::benchmarks {

struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
  double target = 0;
  bool at_least = true;  // or at most
  // The lowest and highest of the repetitions, equal to the value where there
  // was one.
  double low = 0;
  double high = 0;

  bool Met() const { return at_least ? value >= target : value <= target; }
};

// The CPU's mean of replicas of 64 MB of float32 into all of them, each core a
// part, as a ratio of a multi-threaded copy of as many bytes.
absl::StatusOr<std::vector<Figure>> MeanOfCopy(int replicas);

// A whole Step() of ModelAverager through the exchange, 8 ranks of 64 MB, as a
// ratio of that copy.
absl::StatusOr<std::vector<Figure>> MeetingOfCopy();

// A meeting over 2,300 small tensors against one over one tensor of as many
// bytes: the ratio of their speeds.
absl::StatusOr<std::vector<Figure>> SmallTensorsRatio();

// A Step() without a meeting: nanoseconds, and allocations in all of them.
absl::StatusOr<std::vector<Figure>> IdleStep();

// What a meeting of 2 ranks over 1 GB each takes from the heap at its peak, per
// rank, simulator included.
absl::StatusOr<std::vector<Figure>> MeetingExtraBytes();

// Barriers of 64 ranks, calls summed over ranks.
absl::StatusOr<std::vector<Figure>> SimulatorCalls();

// 1,024 ranks, 1,000 meetings of 1 KB.
absl::StatusOr<std::vector<Figure>> ThousandRanks();

}  // namespace parley::benchmarks

#endif  // PARLEY_BENCHMARKS_FIGURES_H_
