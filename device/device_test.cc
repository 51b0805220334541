// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/device.h"

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace parley {
namespace {

// Knows what it has given out.
class CountingAllocator : public Allocator {
 public:
  ~CountingAllocator() override { EXPECT_TRUE(live_.empty()); }

  void* Allocate(int64_t bytes) override {
    if (bytes > kMost) return nullptr;
    auto* memory = new unsigned char[static_cast<size_t>(bytes)];
    live_.insert({memory, bytes});
    return memory;
  }
  void Deallocate(void* memory, int64_t bytes) override {
    EXPECT_EQ(live_.erase({memory, bytes}), 1u);
    delete[] static_cast<unsigned char*>(memory);
  }
  size_t live() const { return live_.size(); }

  static constexpr int64_t kMost = 1000;

 private:
  std::set<std::pair<void*, int64_t>> live_;
};

TEST(AllocationTest, GivesBackWhatItTook) {
  CountingAllocator allocator;
  {
    const Allocation allocation = Allocation::Create(allocator, 100).value();
    EXPECT_NE(allocation.data(), nullptr);
    EXPECT_EQ(allocation.bytes(), 100);
    EXPECT_EQ(allocator.live(), 1u);
  }
  EXPECT_EQ(allocator.live(), 0u);
}

TEST(AllocationTest, Moves) {
  CountingAllocator allocator;
  Allocation a = Allocation::Create(allocator, 10).value();
  void* const data = a.data();
  Allocation b = std::move(a);
  EXPECT_EQ(b.data(), data);
  EXPECT_EQ(allocator.live(), 1u);
  {
    Allocation c = Allocation::Create(allocator, 20).value();
    c = std::move(b);
    EXPECT_EQ(c.data(), data);
    EXPECT_EQ(c.bytes(), 10);
  }
  b = Allocation();
  EXPECT_EQ(allocator.live(), 0u);
}

TEST(AllocationTest, OfNothing) {
  CountingAllocator allocator;
  const Allocation allocation = Allocation::Create(allocator, 0).value();
  EXPECT_EQ(allocation.data(), nullptr);
  EXPECT_EQ(allocator.live(), 0u);
}

TEST(AllocationTest, NamesTheSizeThatFails) {
  CountingAllocator allocator;
  EXPECT_EQ(Allocation::Create(allocator, 1001).status(),
            absl::ResourceExhaustedError("no memory for 1001 bytes"));
  EXPECT_EQ(Allocation::Create(allocator, -1).status(),
            absl::InvalidArgumentError("an allocation of -1 bytes"));
}

}  // namespace
}  // namespace parley
