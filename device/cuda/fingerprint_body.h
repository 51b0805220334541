// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The Fingerprint kernel's bodies: each thread hashes its share of all pieces
// into one partial sum, and further launches add the partial sums, 64 to one at
// a time. Sums modulo 2^64 commute, so neither the grid nor the order shows in
// the result; without atomics nor shared memory the same code runs on the host.
#ifndef PARLEY_DEVICE_CUDA_FINGERPRINT_BODY_H_
#define PARLEY_DEVICE_CUDA_FINGERPRINT_BODY_H_

#include <cstdint>

#include "parley/base/host_device.h"
#include "parley/device/cuda/chunk.h"
#include "parley/device/cuda/copy_body.h"
#include "parley/device/cuda/grid.h"
#include "parley/device/dtype.h"
#include "parley/device/kernels/element.h"
#include "parley/device/kernels/fingerprint.h"
#include "parley/device/kernels/flat_arguments.h"

namespace parley {

inline constexpr int kSumsPerThread = 64;
// Threads that hash, at most: as many as 128 multiprocessors hold.
inline constexpr int64_t kMostPartialSums = 1 << 18;
inline constexpr int64_t kScratchWords = kMostPartialSums;

// A FingerprintPiece with what depends on the tensor alone worked out.
struct HashedPiece {
  const void* data;
  int64_t count;
  uint64_t key;   // of its first element
  int64_t begin;  // its first unit
  int size;       // bytes per element
};

inline HashedPiece HashedPieceOf(const FingerprintPiece& piece, int64_t begin) {
  return {piece.data, piece.count,
          kernels::ElementKey(piece.tensor_id, piece.first_index), begin,
          static_cast<int>(SizeOf(piece.dtype))};
}

inline int64_t UnitsOf(const HashedPiece& piece) {
  const int elements = kVectorBytes / piece.size;
  return SplitOf(piece.count, elements, {piece.data, piece.size})
      .Units(elements);
}

template <int kCapacity>
struct FingerprintParams {
  int64_t units;
  uint64_t* partial_sums;  // one per thread
  int num_entries;
  HashedPiece entries[kCapacity];
};

inline constexpr int kFewPieces = 24;
inline constexpr int kMostPieces = 816;

template <int kCapacity>
struct FingerprintBody {
  using Params = FingerprintParams<kCapacity>;

  PARLEY_HD static void Run(const GridPosition& at, const Params& params) {
    uint64_t sum = 0;
    int entry = 0;
    for (int64_t unit = at.thread; unit < params.units; unit += at.threads) {
      entry = FindEntry(params.entries, params.num_entries, entry, unit);
      const HashedPiece& piece = params.entries[entry];
      sum += UnitHash(piece, unit - piece.begin);
    }
    params.partial_sums[at.thread] = sum;
  }

 private:
  PARLEY_HD static uint64_t UnitHash(const HashedPiece& piece, int64_t unit) {
    switch (piece.size) {
      case 1:
        return UnitHashOf<uint8_t>(piece, unit);
      case 2:
        return UnitHashOf<uint16_t>(piece, unit);
      case 4:
        return UnitHashOf<uint32_t>(piece, unit);
      default:
        return UnitHashOf<uint64_t>(piece, unit);
    }
  }

  template <typename T>
  PARLEY_HD static uint64_t UnitHashOf(const HashedPiece& piece, int64_t unit) {
    constexpr int kElements = kVectorBytes / static_cast<int>(sizeof(T));
    const Split split =
        SplitOf(piece.count, kElements, {piece.data, sizeof(T)});
    if (unit < split.vectors) {
      return ChunkHash<T, Access<kElements, true>>(
          piece, split.VectorAt(unit, kElements));
    }
    const int64_t i = split.SingleAt(unit - split.vectors, kElements);
    if (split.aligned) return ChunkHash<T, Access<1, true>>(piece, i);
    return ChunkHash<T, Access<1, false>>(piece, i);
  }

  template <typename T, typename Access>
  PARLEY_HD static uint64_t ChunkHash(const HashedPiece& piece, int64_t i) {
    const auto chunk = Access::template Load<T>(piece.data, i);
    uint64_t key = piece.key + static_cast<uint64_t>(i) * kernels::kKeyStep;
    uint64_t sum = 0;
    PARLEY_UNROLL
    for (int k = 0; k < Access::kElements; ++k) {
      sum +=
          kernels::ElementHash<sizeof(T)>(key, kernels::LoadAs<T>(&chunk, k));
      key += kernels::kKeyStep;
    }
    return sum;
  }
};

// to[t] (+)= from[t] + from[t + num_sums] + ... for each t < num_sums. `to` may
// be `from`: nobody else reads what a thread writes.
struct AddParams {
  const uint64_t* from;
  int64_t count;
  uint64_t* to;
  int64_t num_sums;
  bool accumulate;
};

struct AddBody {
  using Params = AddParams;

  PARLEY_HD static void Run(const GridPosition& at, const Params& params) {
    for (int64_t t = at.thread; t < params.num_sums; t += at.threads) {
      uint64_t sum = params.accumulate ? params.to[t] : 0;
      for (int64_t i = t; i < params.count; i += params.num_sums) {
        sum += params.from[i];
      }
      params.to[t] = sum;
    }
  }
};

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_FINGERPRINT_BODY_H_
