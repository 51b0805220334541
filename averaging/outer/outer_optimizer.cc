// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/outer/outer_optimizer.h"

#include "absl/strings/str_cat.h"

namespace parley {

std::string ToString(const OuterOptimizer& outer) {
  std::string text;
  for (const auto& [name, value] : outer.Describe()) {
    if (text.empty()) {
      text = value;
    } else {
      absl::StrAppend(&text, ", ", name, " ", value);
    }
  }
  return text;
}

}  // namespace parley
