// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// CachingAllocator on the fake CUDA runtime: which memory it gives, and that it
// gives none back to CUDA before its end.
#include "parley/device/cuda/caching_allocator.h"

#include <cstdint>
#include <functional>

#include "gtest/gtest.h"
#include "parley/tests/fakes/run_on_fakes.h"

namespace parley::fakes {
namespace {

// With an allocator of each kind of memory.
void ForBoth(const std::function<void(CachingAllocator&)>& body) {
  for (const CudaMemory memory :
       {CudaMemory::kDevice, CudaMemory::kPinnedHost}) {
    const FakeReport report =
        RunAtAllWidths({.ranks = 1}, {}, [&](FakeRank& rank) -> absl::Status {
          CachingAllocator allocator(rank.cuda, 0, memory);
          body(allocator);
          return absl::OkStatus();
        });
    // All is given back in the end.
    EXPECT_TRUE(report.clean()) << report;
  }
}

TEST(CachingAllocatorTest, WhatComesBackIsGivenToTheNext) {
  ForBoth([](CachingAllocator& allocator) {
    // 100,000 bytes are in the class that ends at 106,496.
    void* const block = allocator.Allocate(100'000);
    EXPECT_NE(allocator.Allocate(100'000), block);
    allocator.Deallocate(block, 100'000);
    EXPECT_NE(allocator.Allocate(98'304), block);
    EXPECT_NE(allocator.Allocate(106'497), block);
    EXPECT_EQ(allocator.Allocate(106'496), block);
    EXPECT_NE(allocator.Allocate(106'496), block);
    allocator.Deallocate(nullptr, 106'496);
    EXPECT_NE(allocator.Allocate(106'496), nullptr);
  });
}

TEST(CachingAllocatorTest, MemoryIsAlignedAndNobodyElses) {
  ForBoth([](CachingAllocator& allocator) {
    const char* last = nullptr;
    for (const int64_t bytes : {0, 1, 511, 512, 513, 4097}) {
      const auto* memory = static_cast<const char*>(allocator.Allocate(bytes));
      EXPECT_NE(memory, nullptr);
      EXPECT_NE(memory, last);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % Allocator::kAlignment,
                0u);
      last = memory;
    }
  });
}

TEST(CachingAllocatorTest, SizesThatNothingHas) {
  ForBoth([](CachingAllocator& allocator) {
    EXPECT_EQ(allocator.Allocate(-1), nullptr);
    EXPECT_EQ(allocator.Allocate(int64_t{1} << 61), nullptr);
  });
}

TEST(CachingAllocatorTest, SizesAreRoundedUpByAnEighth) {
  EXPECT_EQ(CachingAllocator::SizeClass(0), 512);
  EXPECT_EQ(CachingAllocator::SizeClass(512), 512);
  EXPECT_EQ(CachingAllocator::SizeClass(513), 576);
  EXPECT_EQ(CachingAllocator::SizeClass(100'000), 106'496);
  for (int64_t bytes = 513; bytes < 100'000'000; bytes += 1 + bytes / 37) {
    const int64_t size = CachingAllocator::SizeClass(bytes);
    ASSERT_GE(size, bytes);
    ASSERT_LE(size, bytes + bytes / 8);
    ASSERT_EQ(CachingAllocator::SizeClass(size), size);
  }
}

// Where a collective hangs, giving back would wait for ever.
TEST(CachingAllocatorTest, AbandonedMemoryStaysWhereItIs) {
  const FakeReport report =
      RunAtAllWidths({.ranks = 1}, {}, [](FakeRank& rank) -> absl::Status {
        CachingAllocator allocator(rank.cuda, 0, CudaMemory::kDevice);
        EXPECT_NE(allocator.Allocate(8), nullptr);
        allocator.Abandon();
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.Mentions("leak: device memory 1 (512 bytes)")) << report;
  EXPECT_EQ(report.diagnoses.size(), 1u) << report;
}

}  // namespace
}  // namespace parley::fakes
