// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// HeapCount: what a program takes from the heap. Linking this library replaces
// operator new and delete by counting ones, and offers an Allocator that counts
// into the same figures.
//
//   HeapCount::Reset();
//   Work();
//   int64_t peak = HeapCount::PeakBytes();
//
// Thread-safety: thread-safe.
#ifndef PARLEY_BENCHMARKS_HEAP_COUNT_H_
#define PARLEY_BENCHMARKS_HEAP_COUNT_H_

#include <cstdint>

#include "parley/device/device.h"

namespace parley::benchmarks {

class HeapCount {
 public:
  // Makes what is live now the zero of LiveBytes() and PeakBytes(), and
  // Allocations() zero.
  static void Reset();

  static int64_t LiveBytes();
  static int64_t PeakBytes();
  static int64_t Allocations();
};

// An Allocator over the C heap, counted like operator new.
Allocator& CountingAllocator();

}  // namespace parley::benchmarks

#endif  // PARLEY_BENCHMARKS_HEAP_COUNT_H_
