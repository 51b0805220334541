// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/benchmarks/heap_count.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace parley::benchmarks {
namespace {

std::atomic<int64_t> live{0};
std::atomic<int64_t> zero{0};
std::atomic<int64_t> peak{0};
std::atomic<int64_t> allocations{0};

void* Take(size_t bytes, size_t alignment) {
  void* memory = alignment <= alignof(std::max_align_t)
                     ? std::malloc(bytes)
                     : std::aligned_alloc(alignment, (bytes + alignment - 1) /
                                                         alignment * alignment);
  if (memory == nullptr) return nullptr;
  allocations.fetch_add(1, std::memory_order_relaxed);
  const auto size = static_cast<int64_t>(malloc_usable_size(memory));
  const int64_t now = live.fetch_add(size, std::memory_order_relaxed) + size;
  int64_t seen = peak.load(std::memory_order_relaxed);
  while (now > seen &&
         !peak.compare_exchange_weak(seen, now, std::memory_order_relaxed)) {
  }
  return memory;
}

void GiveBack(void* memory) {
  if (memory == nullptr) return;
  live.fetch_sub(static_cast<int64_t>(malloc_usable_size(memory)),
                 std::memory_order_relaxed);
  std::free(memory);
}

class Counting : public Allocator {
 public:
  void* Allocate(int64_t bytes) override {
    return Take(static_cast<size_t>(bytes), kAlignment);
  }
  void Deallocate(void* memory, int64_t) override { GiveBack(memory); }
};

}  // namespace

void HeapCount::Reset() {
  zero = live.load();
  peak = live.load();
  allocations = 0;
}

int64_t HeapCount::LiveBytes() { return live - zero; }
int64_t HeapCount::PeakBytes() { return peak - zero; }
int64_t HeapCount::Allocations() { return allocations; }

Allocator& CountingAllocator() {
  static Counting* const allocator = new Counting;
  return *allocator;
}

}  // namespace parley::benchmarks

void* operator new(size_t bytes) {
  void* memory = parley::benchmarks::Take(bytes, 1);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  void* memory =
      parley::benchmarks::Take(bytes, static_cast<size_t>(alignment));
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept {
  parley::benchmarks::GiveBack(memory);
}
void operator delete(void* memory, size_t) noexcept {
  parley::benchmarks::GiveBack(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  parley::benchmarks::GiveBack(memory);
}
void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  parley::benchmarks::GiveBack(memory);
}
