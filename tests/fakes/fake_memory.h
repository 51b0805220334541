// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// FakeMemory: the memory of one fake device and the pinned host memory of its
// rank, both taken from the heap. It tells memory that is live from memory that
// never was or no longer is. What is freed stays mapped to the end of the run,
// so that a late access is a diagnosis and not a crash.
//
// Guarded by the machine's lock.
#ifndef PARLEY_TESTS_FAKES_FAKE_MEMORY_H_
#define PARLEY_TESTS_FAKES_FAKE_MEMORY_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace parley::fakes {

// Bytes that memory is filled with while its contents are undefined. Fresh ones
// are NaN in every floating-point format, and stay so in any arithmetic.
inline constexpr int kFreshByte = 0xff;
inline constexpr int kFreedByte = 0xfe;
inline constexpr int kInFlightByte = 0xfd;

// What an item of a stream reads or writes.
struct Access {
  const void* data = nullptr;
  int64_t bytes = 0;
};

struct Block {
  unsigned char* data = nullptr;
  int64_t bytes = 0;
  bool pinned = false;
  bool freed = false;
  std::string name;  // "device memory 3 (4096 bytes)"

  bool Overlaps(const Access& access) const {
    const auto* from = static_cast<const unsigned char*>(access.data);
    return from < data + bytes && data < from + access.bytes;
  }
};

class FakeMemory {
 public:
  FakeMemory() = default;
  FakeMemory(const FakeMemory&) = delete;
  FakeMemory& operator=(const FakeMemory&) = delete;
  ~FakeMemory();

  // Requires bytes > 0.
  void* Allocate(int64_t bytes, bool pinned, const std::string& name);

  // The block, live or freed, that contains `address`; null if there is none.
  Block* Find(const void* address);

  // Why the bytes may not be touched, empty if they may.
  std::string Problem(const Access& access);

  void Free(Block& block);

  // The names of the blocks that are live, in the order of allocation.
  std::vector<std::string> Live() const;

 private:
  std::map<uintptr_t, Block> blocks_;  // by address
  std::vector<uintptr_t> order_;
};

}  // namespace parley::fakes

#endif  // PARLEY_TESTS_FAKES_FAKE_MEMORY_H_
