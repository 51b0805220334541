// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Random: a small random number generator with values that are fixed for ever
// (xoshiro256++ 1.0 by Blackman and Vigna, seeded by SplitMix64). The standard
// library's engines would do, its distributions would not: their algorithms
// differ between implementations.
//
// Fork() makes named sub-streams, so that one more draw in one place does not
// shift the others:
//
//   Random random(42);
//   Random faults = random.Fork("faults");
//   int victim = faults.Uniform(8);
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_BASE_RANDOM_H_
#define PARLEY_BASE_RANDOM_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace parley {

class Random {
 public:
  explicit Random(uint64_t seed);

  // The next 64 bits.
  uint64_t Next();

  // Uniform in [0, bound), without bias. Requires bound > 0.
  uint64_t Uniform(uint64_t bound);

  // Uniform in [0, 1), a multiple of 2^-53.
  double UniformDouble();

  // A generator that depends on this one's seed and on `name`, not on what was
  // drawn so far.
  Random Fork(absl::string_view name) const;
  Random Fork(absl::string_view name, uint64_t index) const;

 private:
  uint64_t seed_;
  uint64_t state_[4];
};

}  // namespace parley

#endif  // PARLEY_BASE_RANDOM_H_
