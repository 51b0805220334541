// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_FIXED_TEXT_H_
#define PARLEY_AVERAGING_FIXED_TEXT_H_

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "absl/strings/string_view.h"

namespace parley {

// A text of bounded length that travels as bytes; what is longer is cut and
// ends in "...".
//
// Thread-safety: a value.
template <size_t kSize>
struct FixedText {
  char data[kSize] = {};  // ends with 0

  void Set(absl::string_view text) {
    const size_t size = std::min(text.size(), kSize - 1);
    text.copy(data, size);
    if (size < text.size()) std::memcpy(data + size - 3, "...", 3);
    data[size] = 0;
  }

  absl::string_view view() const { return data; }
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_FIXED_TEXT_H_
