// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/fakes/fake_memory.h"

#include <cstring>
#include <new>

#include "absl/strings/str_cat.h"

namespace parley::fakes {
namespace {

// As CUDA's allocations are.
constexpr std::align_val_t kAlignment{256};

}  // namespace

FakeMemory::~FakeMemory() {
  for (auto& entry : blocks_) {
    ::operator delete(entry.second.data, kAlignment);
  }
}

void* FakeMemory::Allocate(int64_t bytes, bool pinned,
                           const std::string& name) {
  Block block;
  block.data = static_cast<unsigned char*>(
      ::operator new(static_cast<size_t>(bytes), kAlignment));
  std::memset(block.data, kFreshByte, static_cast<size_t>(bytes));
  block.bytes = bytes;
  block.pinned = pinned;
  block.name = absl::StrCat(name, " (", bytes, " bytes)");
  const auto address = reinterpret_cast<uintptr_t>(block.data);
  blocks_[address] = block;
  order_.push_back(address);
  return block.data;
}

Block* FakeMemory::Find(const void* address) {
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  auto it = blocks_.upper_bound(wanted);
  if (it == blocks_.begin()) return nullptr;
  --it;
  Block& block = it->second;
  return wanted - it->first < static_cast<uintptr_t>(block.bytes) ? &block
                                                                  : nullptr;
}

std::string FakeMemory::Problem(const Access& access) {
  if (access.bytes == 0) return "";
  const Block* block = Find(access.data);
  if (block == nullptr) {
    return absl::StrCat(access.bytes,
                        " bytes that are no memory of this rank's device and "
                        "no pinned memory of this rank");
  }
  if (block->freed) return absl::StrCat(block->name, ", which was freed");
  const int64_t offset =
      static_cast<const unsigned char*>(access.data) - block->data;
  if (access.bytes > block->bytes - offset) {
    return absl::StrCat(access.bytes, " bytes at offset ", offset, " of ",
                        block->name, ", beyond its end");
  }
  return "";
}

void FakeMemory::Free(Block& block) {
  block.freed = true;
  std::memset(block.data, kFreedByte, static_cast<size_t>(block.bytes));
}

std::vector<std::string> FakeMemory::Live() const {
  std::vector<std::string> names;
  for (const uintptr_t address : order_) {
    const Block& block = blocks_.at(address);
    if (!block.freed) names.push_back(block.name);
  }
  return names;
}

}  // namespace parley::fakes
