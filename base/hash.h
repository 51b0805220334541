// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// A 64-bit hash whose values are fixed for ever, on every machine. It feeds
// fingerprints, trace hashes and derived seeds, all of which are written down
// in tests and files; absl::Hash, which is seeded per process, must not be used
// for those. Not cryptographic: it guards against accidents.
//
//   uint64_t h = HashBytes(name.data(), name.size());
//   h = HashCombine(h, step);
#ifndef PARLEY_BASE_HASH_H_
#define PARLEY_BASE_HASH_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "parley/base/mix.h"

namespace parley {

// The hash of the sequence (hash, value): order matters.
constexpr uint64_t HashCombine(uint64_t hash, uint64_t value) {
  return Mix64((hash + 0x9e3779b97f4a7c15u) ^ Mix64(value));
}

// The hash of `size` bytes. Independent of alignment and byte order.
uint64_t HashBytes(const void* data, size_t size, uint64_t seed = 0);

inline uint64_t HashString(absl::string_view text, uint64_t seed = 0) {
  return HashBytes(text.data(), text.size(), seed);
}

}  // namespace parley

#endif  // PARLEY_BASE_HASH_H_
