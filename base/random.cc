// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/base/random.h"

#include "parley/base/hash.h"

namespace parley {
namespace {

constexpr uint64_t RotateLeft(uint64_t x, int k) {
  return (x << k) | (x >> (64 - k));
}

}  // namespace

Random::Random(uint64_t seed) : seed_(seed) {
  for (uint64_t& word : state_) {
    seed += 0x9e3779b97f4a7c15u;
    word = Mix64(seed);
  }
}

uint64_t Random::Next() {
  const uint64_t result = RotateLeft(state_[0] + state_[3], 23) + state_[0];
  const uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = RotateLeft(state_[3], 45);
  return result;
}

uint64_t Random::Uniform(uint64_t bound) {
  // Values below 2^64 mod bound would make small results likelier.
  const uint64_t threshold = (0 - bound) % bound;
  uint64_t value = Next();
  while (value < threshold) value = Next();
  return value % bound;
}

double Random::UniformDouble() {
  return static_cast<double>(Next() >> 11) * 0x1p-53;
}

Random Random::Fork(absl::string_view name) const {
  return Random(HashString(name, seed_));
}

Random Random::Fork(absl::string_view name, uint64_t index) const {
  return Random(HashCombine(HashString(name, seed_), index));
}

}  // namespace parley
