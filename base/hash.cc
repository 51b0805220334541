// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/base/hash.h"

namespace parley {
namespace {

// Written out byte by byte so that the value does not depend on the machine's
// byte order; compilers turn it into one load.
uint64_t Load64(const unsigned char* p, size_t size) {
  uint64_t word = 0;
  for (size_t i = 0; i < size; ++i) word |= uint64_t{p[i]} << (8 * i);
  return word;
}

}  // namespace

uint64_t HashBytes(const void* data, size_t size, uint64_t seed) {
  const auto* p = static_cast<const unsigned char*>(data);
  uint64_t hash = HashCombine(seed, size);
  size_t i = 0;
  for (; i + 8 <= size; i += 8) hash = HashCombine(hash, Load64(p + i, 8));
  if (i < size) hash = HashCombine(hash, Load64(p + i, size - i));
  return hash;
}

}  // namespace parley
