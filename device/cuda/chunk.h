// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// How the kernels' bodies cut `count` elements into units of work. Where all
// pointers allow it, a unit is a *vector* of up to 16 bytes, which a thread
// reads and writes in one instruction; the elements before the first aligned
// one and after the last whole vector are units of their own, and so are all
// elements if the pointers are not aligned alike.
//
//   const Split split = SplitFor(count, kElements, {{x, 4}, {y, 2}});
//   ForEachChunk<kElements>(at, split, [&](auto access, int64_t i) {
//     auto values = access.template Load<float>(x, i);  // elements i, i + 1,
//     ...
//     ...
//   });
//
// Thread-safety: pure functions.
#ifndef PARLEY_DEVICE_CUDA_CHUNK_H_
#define PARLEY_DEVICE_CUDA_CHUNK_H_

#include <cstdint>
#include <cstring>
#include <initializer_list>

#include "parley/base/host_device.h"
#include "parley/device/cuda/grid.h"

// For loops over elements in registers, which only stay there if it is
// unrolled; and over inputs, of which two are read at a time where that
// matters. More makes no better use of memory, and compiling takes minutes.
#if defined(__CUDA_ARCH__)
#define PARLEY_UNROLL _Pragma("unroll")
#define PARLEY_UNROLL_2 _Pragma("unroll 2")
#define PARLEY_NO_UNROLL _Pragma("unroll 1")
#else
#define PARLEY_UNROLL
#define PARLEY_UNROLL_2
#define PARLEY_NO_UNROLL
#endif

namespace parley {

inline constexpr int kVectorBytes = 16;

// Elements as they lie in memory, held in registers.
template <int kBytes>
struct alignas(kBytes) Chunk {
  static_assert(kBytes <= kVectorBytes && (kBytes & (kBytes - 1)) == 0);
  unsigned char bytes[kBytes];
};

namespace internal {

#if defined(__CUDA_ARCH__)
// The types whose loads and stores are one instruction.
template <int kBytes>
struct WordOf;
template <>
struct WordOf<1> {
  using Type = uint8_t;
};
template <>
struct WordOf<2> {
  using Type = uint16_t;
};
template <>
struct WordOf<4> {
  using Type = uint32_t;
};
template <>
struct WordOf<8> {
  using Type = uint2;
};
template <>
struct WordOf<16> {
  using Type = uint4;
};
#endif

// A device stops the program where memory is not aligned; the host would not
// notice.
PARLEY_HD inline void RequireAligned(const void* data, int bytes) {
#if !defined(__CUDA_ARCH__)
  if (reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(bytes) != 0) {
    __builtin_trap();
  }
#else
  (void)data;
  (void)bytes;
#endif
}

}  // namespace internal

// Reads or writes kBytes bytes at `data`, which is aligned to as many.
template <int kBytes>
PARLEY_HD Chunk<kBytes> LoadChunk(const void* data) {
  internal::RequireAligned(data, kBytes);
  Chunk<kBytes> chunk;
#if defined(__CUDA_ARCH__)
  using Word = typename internal::WordOf<kBytes>::Type;
  const Word word = *static_cast<const Word*>(data);
  std::memcpy(&chunk, &word, kBytes);
#else
  std::memcpy(&chunk, data, kBytes);
#endif
  return chunk;
}

template <int kBytes>
PARLEY_HD void StoreChunk(void* data, const Chunk<kBytes>& chunk) {
  internal::RequireAligned(data, kBytes);
#if defined(__CUDA_ARCH__)
  using Word = typename internal::WordOf<kBytes>::Type;
  Word word;
  std::memcpy(&word, &chunk, kBytes);
  *static_cast<Word*>(data) = word;
#else
  std::memcpy(data, &chunk, kBytes);
#endif
}

// Reads and writes kElements neighbours, aligned or byte by byte.
template <int kElements_, bool kAligned>
struct Access {
  static constexpr int kElements = kElements_;

  template <typename T>
  PARLEY_HD static auto Load(const void* data, int64_t i) {
    constexpr int kBytes = kElements * static_cast<int>(sizeof(T));
    const auto* from = static_cast<const unsigned char*>(data) +
                       i * static_cast<int64_t>(sizeof(T));
    if constexpr (kAligned) {
      return LoadChunk<kBytes>(from);
    } else {
      Chunk<kBytes> chunk;
      std::memcpy(chunk.bytes, from, kBytes);
      return chunk;
    }
  }

  template <typename T>
  PARLEY_HD static void Store(
      void* data, int64_t i,
      const Chunk<kElements* static_cast<int>(sizeof(T))>& chunk) {
    constexpr int kBytes = kElements * static_cast<int>(sizeof(T));
    auto* to =
        static_cast<unsigned char*>(data) + i * static_cast<int64_t>(sizeof(T));
    if constexpr (kAligned) {
      StoreChunk<kBytes>(to, chunk);
    } else {
      std::memcpy(to, chunk.bytes, kBytes);
    }
  }
};

// `head` single elements, `vectors` vectors, and single elements up to `count`.
struct Split {
  int64_t count = 0;
  int64_t head = 0;
  int64_t vectors = 0;
  bool aligned = true;  // single elements are aligned to their size

  PARLEY_HD int64_t Singles(int elements) const {
    return count - vectors * elements;
  }
  // The element that the unit `single` of Singles() stands for.
  PARLEY_HD int64_t SingleAt(int64_t single, int elements) const {
    return single < head ? single : single + vectors * elements;
  }
  PARLEY_HD int64_t VectorAt(int64_t vector, int elements) const {
    return head + vector * elements;
  }
  PARLEY_HD int64_t Units(int elements) const {
    return Singles(elements) + vectors;
  }
};

// A block of elements of `size` bytes each.
struct Operand {
  const void* data;
  int64_t size;
};

// The split of one block into vectors of `elements` elements. Bodies call it
// for each unit, with constants, so that no division is left.
PARLEY_HD inline Split SplitOf(int64_t count, int elements,
                               const Operand& operand) {
  const auto address = reinterpret_cast<uintptr_t>(operand.data);
  const auto size = static_cast<uint64_t>(operand.size);
  const uint64_t bytes = static_cast<uint64_t>(elements) * size;
  Split split;
  split.count = count;
  split.head = count;
  split.aligned = address % size == 0;
  if (!split.aligned) return split;
  const auto head = static_cast<int64_t>((0 - address) % bytes / size);
  if (head >= count) return split;
  split.head = head;
  split.vectors = static_cast<int64_t>(static_cast<uint64_t>(count - head) /
                                       static_cast<uint64_t>(elements));
  return split;
}

// The split of several blocks: into vectors only if that of each is the same.
template <typename Operands>
Split SplitFor(int64_t count, int elements, const Operands& operands) {
  Split split;
  bool first = true;
  bool alike = true;
  bool aligned = true;
  for (const Operand& operand : operands) {
    const Split one = SplitOf(count, elements, operand);
    if (first) split = one;
    first = false;
    alike = alike && one.head == split.head;
    aligned = aligned && one.aligned;
  }
  if (!alike || !aligned) {
    split.head = count;
    split.vectors = 0;
  }
  split.aligned = aligned;
  return split;
}

inline Split SplitFor(int64_t count, int elements,
                      std::initializer_list<Operand> operands) {
  return SplitFor<std::initializer_list<Operand>>(count, elements, operands);
}

// Calls visit(Access, index of its first element) for each unit of this thread.
template <int kElements, typename Visit>
PARLEY_HD void ForEachChunk(const GridPosition& at, const Split& split,
                            const Visit& visit) {
  for (int64_t v = at.thread; v < split.vectors; v += at.threads) {
    visit(Access<kElements, true>(), split.VectorAt(v, kElements));
  }
  const int64_t singles = split.Singles(kElements);
  for (int64_t s = at.thread; s < singles; s += at.threads) {
    const int64_t i = split.SingleAt(s, kElements);
    if (split.aligned) {
      visit(Access<1, true>(), i);
    } else {
      visit(Access<1, false>(), i);
    }
  }
}

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_CHUNK_H_
