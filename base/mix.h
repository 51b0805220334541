// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Mix64: what hash.h is made of, apart from it because kernels use it on the
// device, where there is no Abseil. Its values are fixed for ever.
//
// Thread-safety: thread-safe, a pure function.
#ifndef PARLEY_BASE_MIX_H_
#define PARLEY_BASE_MIX_H_

#include <cstdint>

#include "parley/base/host_device.h"

namespace parley {

// A bijection of 64-bit words in which every input bit affects every output
// bit: the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
PARLEY_HD constexpr uint64_t Mix64(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace parley

#endif  // PARLEY_BASE_MIX_H_
