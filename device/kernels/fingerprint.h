// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The definition of the Fingerprint kernel (see flat_arguments.h): the hash of
// one element. Its values are fixed for ever.
//
// For element `index` of tensor `id` with bits x, zero-extended to 64 bits, the
// key is k = (Mix64(id) + index * kKeyStep) with bit 32 set, and, with lo and
// hi for the halves of a word and everything modulo 2^64:
//
//   u = x ^ k                       (up to 4 bytes: only its lower half)
//   p = lo(u) * hi(k) + k           a 32 x 32 -> 64 bit product
//   8 bytes: p += hi(u) << 32, and once more with the halves exchanged:
//            p = hi(p) * (lo(k) | 1) + (lo(p) << 32)
//   h = p ^ (p >> 32)
//
// Each step is a bijection for a given key: a product of 32-bit numbers with a
// factor that is not 0 is injective, x -> lo(x) * odd + (hi(x) << 32) is a
// bijection, and so is a xor with a shift. So a change of one element always
// changes the sum. The multiplier depends on the key, so values that move to
// another index or tensor, or are exchanged, are noticed as well as others.
//
// Quality, for accidents and not for adversaries: two sets of several differing
// elements have equal sums with a probability of about 2^-64 in general, and
// about 2^-32 where the elements differ in their top bits only (a sign turned
// in an even number of places).
#ifndef PARLEY_DEVICE_KERNELS_FINGERPRINT_H_
#define PARLEY_DEVICE_KERNELS_FINGERPRINT_H_

#include <cstdint>

#include "parley/base/host_device.h"
#include "parley/base/mix.h"
#include "parley/device/kernels/element.h"
#include "parley/device/kernels/flat_arguments.h"

namespace parley::kernels {

inline constexpr uint64_t kKeyStep = 0x9e3779b97f4a7c15u;
inline constexpr uint64_t kKeyBit = uint64_t{1} << 32;

// The key of element `index`, before its bit 32 is set.
PARLEY_HD constexpr uint64_t ElementKey(uint64_t tensor_id, int64_t index) {
  return Mix64(tensor_id) + static_cast<uint64_t>(index) * kKeyStep;
}

template <int kBytes>
PARLEY_HD constexpr uint64_t ElementHash(uint64_t key, uint64_t bits) {
  constexpr uint64_t kLow = 0xffffffffu;
  key |= kKeyBit;
  const uint64_t u = bits ^ key;
  uint64_t p = (u & kLow) * (key >> 32) + key;
  if constexpr (kBytes == 8) {
    p += u & ~kLow;
    p = (p >> 32) * ((key & kLow) | 1) + (p << 32);
  }
  return p ^ (p >> 32);
}

// The hash of element i of `piece`, whose elements have kBytes bytes.
template <int kBytes>
PARLEY_HD uint64_t FingerprintElement(const FingerprintPiece& piece,
                                      int64_t i) {
  uint64_t bits = 0;
  if constexpr (kBytes == 1) bits = LoadAs<uint8_t>(piece.data, i);
  if constexpr (kBytes == 2) bits = LoadAs<uint16_t>(piece.data, i);
  if constexpr (kBytes == 4) bits = LoadAs<uint32_t>(piece.data, i);
  if constexpr (kBytes == 8) bits = LoadAs<uint64_t>(piece.data, i);
  return ElementHash<kBytes>(ElementKey(piece.tensor_id, piece.first_index + i),
                             bits);
}

}  // namespace parley::kernels

#endif  // PARLEY_DEVICE_KERNELS_FINGERPRINT_H_
