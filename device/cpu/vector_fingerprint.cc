// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "parley/device/cpu/vector_ranges.h"
#include "parley/device/kernels/fingerprint.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/vector_fingerprint.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"
#include "parley/device/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace parley::vector::HWY_NAMESPACE {
#if PARLEY_HAS_VECTORS

using DKey = hn::ScalableTag<uint64_t>;
using VKey = hn::Vec<DKey>;

// lo(a) * lo(b), in full.
HWY_INLINE VKey MulLow(VKey a, VKey b) {
  const hn::Repartition<uint32_t, DKey> d32;
  return hn::MulEven(hn::BitCast(d32, a), hn::BitCast(d32, b));
}

// kernels::ElementHash; up to 4 bytes, `bits` may have anything in its upper
// half.
template <int kBytes>
HWY_INLINE VKey Hash(VKey key, VKey bits) {
  const DKey d;
  key = hn::Or(key, hn::Set(d, kernels::kKeyBit));
  const auto u = hn::Xor(bits, key);
  auto p = hn::Add(MulLow(u, hn::ShiftRight<32>(key)), key);
  if constexpr (kBytes == 8) {
    const auto low = hn::Set(d, 0xffffffffu);
    p = hn::Add(p, hn::AndNot(low, u));
    const auto factor = hn::Or(key, hn::Set(d, 1));
    p = hn::Add(MulLow(hn::ShiftRight<32>(p), factor), hn::ShiftLeft<32>(p));
  }
  return hn::Xor(p, hn::ShiftRight<32>(p));
}

// Element kPart of those that share a 64-bit lane, in its lower half.
template <int kBytes, int kPart>
HWY_INLINE VKey Part(VKey word) {
  constexpr int kShift = 8 * kBytes * kPart;
  const auto shifted = hn::ShiftRight<kShift>(word);
  // At the top of the word the shift has cleared the rest.
  if constexpr (kBytes >= 4 || kShift + 8 * kBytes == 64) return shifted;
  return hn::And(shifted, hn::Set(DKey(), (uint64_t{1} << 8 * kBytes) - 1));
}

// The sum of the hashes of parts kPart... of a vector of words, whose first
// parts have the keys `key`.
template <int kBytes, int kPart = 0>
HWY_INLINE VKey HashParts(VKey key, VKey word) {
  if constexpr (kBytes == 8) {
    return Hash<kBytes>(key, word);
  } else {
    constexpr uint64_t kStep = kPart * kernels::kKeyStep;
    const auto hash = Hash<kBytes>(hn::Add(key, hn::Set(DKey(), kStep)),
                                   Part<kBytes, kPart>(word));
    if constexpr ((kPart + 1) * kBytes == 8) {
      return hash;
    } else {
      return hn::Add(hash, HashParts<kBytes, kPart + 1>(key, word));
    }
  }
}

template <int kBytes>
HWY_NOINLINE int64_t FingerprintBytes(const FingerprintPiece& piece,
                                      int64_t begin, int64_t end,
                                      uint64_t& sum) {
  const DKey d;
  constexpr int64_t kParts = 8 / kBytes;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto* data = static_cast<const uint8_t*>(piece.data);

  HWY_ALIGN uint64_t keys[HWY_MAX_BYTES / sizeof(uint64_t)];
  for (int64_t lane = 0; lane < lanes; ++lane) {
    keys[lane] = kernels::ElementKey(piece.tensor_id,
                                     piece.first_index + begin + lane * kParts);
  }
  auto key = hn::Load(d, keys);
  const auto step = static_cast<uint64_t>(lanes * kParts) * kernels::kKeyStep;
  const auto key_step = hn::Set(d, step);

  auto sums = hn::Zero(d);
  int64_t i = begin;
  for (; i + lanes * kParts <= end; i += lanes * kParts) {
    const auto words = LoadBytes(d, data + i * kBytes);
    sums = hn::Add(sums, HashParts<kBytes>(key, words));
    key = hn::Add(key, key_step);
  }
  HWY_ALIGN uint64_t lane_sums[HWY_MAX_BYTES / sizeof(uint64_t)];
  hn::Store(sums, d, lane_sums);
  for (int64_t lane = 0; lane < lanes; ++lane) sum += lane_sums[lane];
  return i;
}

int64_t Fingerprint(const FingerprintPiece& piece, int64_t begin, int64_t end,
                    uint64_t& sum) {
  switch (SizeOf(piece.dtype)) {
    case 1:
      return FingerprintBytes<1>(piece, begin, end, sum);
    case 2:
      return FingerprintBytes<2>(piece, begin, end, sum);
    case 4:
      return FingerprintBytes<4>(piece, begin, end, sum);
    default:
      return FingerprintBytes<8>(piece, begin, end, sum);
  }
}

#else

int64_t Fingerprint(const FingerprintPiece&, int64_t begin, int64_t,
                    uint64_t&) {
  return begin;
}

#endif  // PARLEY_HAS_VECTORS
}  // namespace parley::vector::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace parley::vector {

HWY_EXPORT(Fingerprint);

int64_t FingerprintRange(const FingerprintPiece& piece, int64_t begin,
                         int64_t end, uint64_t& sum) {
  return HWY_DYNAMIC_DISPATCH(Fingerprint)(piece, begin, end, sum);
}

}  // namespace parley::vector
#endif  // HWY_ONCE
