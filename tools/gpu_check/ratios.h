// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Speeds beside that of a copy that was measured in turns with them, as a
// table: what a machine can do differs, what a kernel makes of it should not.
//
//   std::vector<Speed> speeds = ...;
//   std::cout << RatioTable(speeds);
//   if (!AllMet(speeds)) ...
//
// Thread-safety: values, and functions of their arguments.
#ifndef PARLEY_TOOLS_GPU_CHECK_RATIOS_H_
#define PARLEY_TOOLS_GPU_CHECK_RATIOS_H_

#include <string>
#include <vector>

#include "absl/types/span.h"

namespace parley::gpu_check {

struct Spread {
  double low = 0;
  double median = 0;  // of an even number, the lower of the middle two
  double high = 0;
};

// Requires at least one value.
Spread SpreadOf(std::vector<double> values);

// A kernel's bytes per second in each repetition, and those of the copy beside
// it.
struct Speed {
  std::string name;
  std::vector<double> kernel;
  std::vector<double> copy;  // as many

  // Of kernel / copy, repetition by repetition.
  Spread Ratio() const;
};

// What every kernel is held to.
inline constexpr double kLeastRatio = 0.90;

// Whether the median ratio of each is at least kLeastRatio; not if there are
// none.
bool AllMet(absl::Span<const Speed> speeds);

// A line per kernel: GB/s, the copy's, their ratio with its spread, and "met"
// or "MISSED".
std::string RatioTable(absl::Span<const Speed> speeds);

}  // namespace parley::gpu_check

#endif  // PARLEY_TOOLS_GPU_CHECK_RATIOS_H_
