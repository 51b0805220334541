// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "parley/device/cpu/vector_ranges.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/vector_copy.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/cache_control.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace parley::vector::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Stores past the cache need an aligned target.
void StreamBytes(const uint8_t* from, uint8_t* to, int64_t bytes) {
  const hn::ScalableTag<uint8_t> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto beyond = static_cast<int64_t>(reinterpret_cast<uintptr_t>(to) %
                                           static_cast<uintptr_t>(lanes));
  int64_t i = beyond == 0 ? 0 : std::min(bytes, lanes - beyond);
  std::memcpy(to, from, static_cast<size_t>(i));
  for (; i + 4 * lanes <= bytes; i += 4 * lanes) {
    const auto v0 = hn::LoadU(d, from + i);
    const auto v1 = hn::LoadU(d, from + i + lanes);
    const auto v2 = hn::LoadU(d, from + i + 2 * lanes);
    const auto v3 = hn::LoadU(d, from + i + 3 * lanes);
    hn::Stream(v0, d, to + i);
    hn::Stream(v1, d, to + i + lanes);
    hn::Stream(v2, d, to + i + 2 * lanes);
    hn::Stream(v3, d, to + i + 3 * lanes);
  }
  std::memcpy(to + i, from + i, static_cast<size_t>(bytes - i));
}

}  // namespace parley::vector::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace parley::vector {

HWY_EXPORT(StreamBytes);

void StreamBytes(const void* from, void* to, int64_t bytes) {
  HWY_DYNAMIC_DISPATCH(StreamBytes)
  (static_cast<const uint8_t*>(from), static_cast<uint8_t*>(to), bytes);
  // Whoever is told that the copy is done must see it.
  hwy::FlushStream();
}

}  // namespace parley::vector
#endif  // HWY_ONCE
