// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/gpu_check/ratios.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_format.h"

namespace parley::gpu_check {

Spread SpreadOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values.front(), values[(values.size() - 1) / 2], values.back()};
}

Spread Speed::Ratio() const {
  std::vector<double> ratios;
  for (size_t i = 0; i < kernel.size(); ++i) {
    ratios.push_back(kernel[i] / copy[i]);
  }
  return SpreadOf(std::move(ratios));
}

bool AllMet(absl::Span<const Speed> speeds) {
  return !speeds.empty() &&
         std::all_of(speeds.begin(), speeds.end(), [](const Speed& speed) {
           return speed.Ratio().median >= kLeastRatio;
         });
}

std::string RatioTable(absl::Span<const Speed> speeds) {
  std::string table = absl::StrFormat("%-24s %9s %9s %6s  %s\n", "kernel",
                                      "GB/s", "copy", "ratio", "[low, high]");
  for (const Speed& speed : speeds) {
    const Spread ratio = speed.Ratio();
    absl::StrAppendFormat(&table, "%-24s %9.1f %9.1f %6.2f  [%.2f, %.2f] %s\n",
                          speed.name, SpreadOf(speed.kernel).median / 1e9,
                          SpreadOf(speed.copy).median / 1e9, ratio.median,
                          ratio.low, ratio.high,
                          ratio.median >= kLeastRatio ? "met" : "MISSED");
  }
  return table;
}

}  // namespace parley::gpu_check
