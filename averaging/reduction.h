// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Reduction: who forms the sum of a floating-point mean, and thus what is known
// of its bits. docs/numerics.md has the definition of one and the error bound
// of the other.
//
// Thread-safety: a value.
#ifndef PARLEY_AVERAGING_REDUCTION_H_
#define PARLEY_AVERAGING_REDUCTION_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace parley {

enum class Reduction : uint8_t {
  // Parley's kernel, in rank order, in float64, rounded once: the same bits for
  // any layout, on every backend and in every run.
  kReproducible = 0,

  // The backend's all-reduce (ncclSum), which adds in the tensor's dtype and in
  // an order of its own: one operation per bucket where the other takes two and
  // a pass over what all ranks sent. Of one meeting all ranks get equal bits;
  // which ones depends on the backend, the bucket size and the memory budget,
  // and may differ from run to run. Equal replicas stay what they are only
  // where their sum is exact.
  kNative = 1,
};

// "reproducible", "native".
inline absl::string_view Name(Reduction reduction) {
  return reduction == Reduction::kNative ? "native" : "reproducible";
}

}  // namespace parley

#endif  // PARLEY_AVERAGING_REDUCTION_H_
