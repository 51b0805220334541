// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The Copy kernel's bodies: one for blocks of bytes, one for tensors whose
// elements lie differently on the two sides. Each takes a whole list, which
// travels in the launch's parameters; the threads share the bytes of the list
// evenly, however unequal its entries are.
//
// A list is filled by AppendBlock() or AppendElements() until one says that it
// is full, and launched (launch.h).
#ifndef PARLEY_DEVICE_CUDA_COPY_BODY_H_
#define PARLEY_DEVICE_CUDA_COPY_BODY_H_

#include <cstdint>
#include <cstring>

#include "parley/base/host_device.h"
#include "parley/device/cuda/chunk.h"
#include "parley/device/cuda/grid.h"

namespace parley {

// Unit `unit` of a list belongs to the last entry that begins at or before it.
// `entry` is known to be no later than that one.
template <typename Entry>
PARLEY_HD int FindEntry(const Entry* entries, int num_entries, int entry,
                        int64_t unit) {
  int low = entry;
  int high = num_entries;
  while (high - low > 1) {
    // Mostly the entry of the thread's last unit, or one close to it.
    if (unit < entries[low + 1].begin) return low;
    const int middle = low + (high - low) / 2;
    if (unit < entries[middle].begin) {
      high = middle;
    } else {
      low = middle;
    }
  }
  return low;
}

struct BlockCopy {
  const void* from;
  void* to;
  int64_t bytes;
  int64_t begin;  // its first unit
};

template <int kCapacity>
struct BlockCopyParams {
  int64_t units;
  int num_entries;
  BlockCopy entries[kCapacity];
};

inline constexpr int kFewBlockCopies = 32;
inline constexpr int kMostBlockCopies = 1020;
using BlockCopyList = BlockCopyParams<kMostBlockCopies>;

// The widest access that suits both sides: their distance is a multiple of it.
PARLEY_HD inline int BlockCopyWidth(const BlockCopy& copy) {
  const uintptr_t bits = reinterpret_cast<uintptr_t>(copy.from) ^
                         reinterpret_cast<uintptr_t>(copy.to);
  if (bits % 16 == 0) return 16;
  if (bits % 8 == 0) return 8;
  if (bits % 4 == 0) return 4;
  return bits % 2 == 0 ? 2 : 1;
}

PARLEY_HD inline Split BlockCopySplit(const BlockCopy& copy, int width) {
  return SplitOf(copy.bytes, width, {copy.to, 1});
}

template <int kCapacity>
struct BlockCopyBody {
  using Params = BlockCopyParams<kCapacity>;

  PARLEY_HD static void Run(const GridPosition& at, const Params& params) {
    int entry = 0;
    for (int64_t unit = at.thread; unit < params.units; unit += at.threads) {
      entry = FindEntry(params.entries, params.num_entries, entry, unit);
      CopyUnit(params.entries[entry], unit - params.entries[entry].begin);
    }
  }

 private:
  PARLEY_HD static void CopyUnit(const BlockCopy& copy, int64_t unit) {
    switch (BlockCopyWidth(copy)) {
      case 16:
        return CopyUnitOf<16>(copy, unit);
      case 8:
        return CopyUnitOf<8>(copy, unit);
      case 4:
        return CopyUnitOf<4>(copy, unit);
      case 2:
        return CopyUnitOf<2>(copy, unit);
      default:
        return CopyUnitOf<1>(copy, unit);
    }
  }

  template <int kWidth>
  PARLEY_HD static void CopyUnitOf(const BlockCopy& copy, int64_t unit) {
    const Split split = BlockCopySplit(copy, kWidth);
    if (unit < split.vectors) {
      CopyBytes<kWidth>(copy, split.VectorAt(unit, kWidth));
    } else {
      CopyBytes<1>(copy, split.SingleAt(unit - split.vectors, kWidth));
    }
  }

  template <int kBytes>
  PARLEY_HD static void CopyBytes(const BlockCopy& copy, int64_t at) {
    StoreChunk<kBytes>(
        static_cast<unsigned char*>(copy.to) + at,
        LoadChunk<kBytes>(static_cast<const unsigned char*>(copy.from) + at));
  }
};

// How the elements of one side lie, in row-major order. Sizes of 1 are left
// out; `dimensions` is at least 1.
struct ElementLayout {
  static constexpr int kMaxDimensions = 8;

  int64_t sizes[kMaxDimensions];
  int64_t strides[kMaxDimensions];  // counted in elements
  int dimensions;
};

struct ElementCopy {
  const void* from;
  void* to;
  int64_t count;
  int64_t begin;
  ElementLayout from_layout;
  ElementLayout to_layout;
  int width;  // bytes per element: 1, 2, 4, 8 or 16
  bool aligned;
};

template <int kCapacity>
struct ElementCopyParams {
  int64_t units;
  int num_entries;
  ElementCopy entries[kCapacity];
};

inline constexpr int kFewElementCopies = 4;
inline constexpr int kMostElementCopies = 100;
using ElementCopyList = ElementCopyParams<kMostElementCopies>;

template <int kCapacity>
struct ElementCopyBody {
  using Params = ElementCopyParams<kCapacity>;

  PARLEY_HD static void Run(const GridPosition& at, const Params& params) {
    int entry = 0;
    for (int64_t unit = at.thread; unit < params.units; unit += at.threads) {
      entry = FindEntry(params.entries, params.num_entries, entry, unit);
      CopyElement(params.entries[entry], unit - params.entries[entry].begin);
    }
  }

 private:
  PARLEY_HD static void CopyElement(const ElementCopy& copy, int64_t i) {
    const int64_t from = Offset(copy.from_layout, i);
    const int64_t to = Offset(copy.to_layout, i);
    switch (copy.width) {
      case 16:
        return CopyAs<16>(copy, from, to);
      case 8:
        return CopyAs<8>(copy, from, to);
      case 4:
        return CopyAs<4>(copy, from, to);
      case 2:
        return CopyAs<2>(copy, from, to);
      default:
        return CopyAs<1>(copy, from, to);
    }
  }

  // Where element i of the row-major order lies.
  PARLEY_HD static int64_t Offset(const ElementLayout& layout, int64_t i) {
    int64_t offset = 0;
    for (int d = layout.dimensions - 1; d > 0; --d) {
      const int64_t size = layout.sizes[d];
      int64_t quotient;
      // A division of 64 bits is several times as slow.
      if (((i | size) >> 32) == 0) {
        quotient = static_cast<uint32_t>(i) / static_cast<uint32_t>(size);
      } else {
        quotient = i / size;
      }
      offset += (i - quotient * size) * layout.strides[d];
      i = quotient;
    }
    return offset + i * layout.strides[0];
  }

  template <int kBytes>
  PARLEY_HD static void CopyAs(const ElementCopy& copy, int64_t from,
                               int64_t to) {
    const auto* source =
        static_cast<const unsigned char*>(copy.from) + from * kBytes;
    auto* target = static_cast<unsigned char*>(copy.to) + to * kBytes;
    if (copy.aligned) {
      StoreChunk<kBytes>(target, LoadChunk<kBytes>(source));
    } else {
      for (int b = 0; b < kBytes; ++b) target[b] = source[b];
    }
  }
};

template <int kCapacity>
void Clear(BlockCopyParams<kCapacity>& list) {
  list.units = 0;
  list.num_entries = 0;
}

template <int kCapacity>
void Clear(ElementCopyParams<kCapacity>& list) {
  list.units = 0;
  list.num_entries = 0;
}

// Appends a copy of `bytes` > 0 bytes; false, and nothing done, if the list is
// full.
inline bool AppendBlock(BlockCopyList& list, const void* from, void* to,
                        int64_t bytes) {
  if (list.num_entries == kMostBlockCopies) return false;
  const BlockCopy copy = {from, to, bytes, list.units};
  const int width = BlockCopyWidth(copy);
  list.units += BlockCopySplit(copy, width).Units(width);
  list.entries[list.num_entries++] = copy;
  return true;
}

// Appends `copy`, of count > 0 elements, whose `begin` it sets; false, and
// nothing done, if the list is full.
inline bool AppendElements(ElementCopyList& list, const ElementCopy& copy) {
  if (list.num_entries == kMostElementCopies) return false;
  ElementCopy& entry = list.entries[list.num_entries++];
  entry = copy;
  entry.begin = list.units;
  list.units += copy.count;
  return true;
}

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_COPY_BODY_H_
