// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/cuda/caching_allocator.h"

#include <cstddef>

#include "parley/device/cuda/scoped_device.h"

namespace parley {
namespace {

constexpr int64_t kLeast = 512;
constexpr int64_t kMost = int64_t{1} << 60;
constexpr int64_t kClassesPerPowerOfTwo = 8;

}  // namespace

CachingAllocator::CachingAllocator(const CudaApi& api, int device_index,
                                   CudaMemory memory)
    : api_(api), device_index_(device_index), memory_(memory) {}

CachingAllocator::~CachingAllocator() {
  ScopedDevice scope(api_, device_index_);
  ScopedCaptureMode capture_mode(api_);
  MutexLock lock(&mutex_);
  if (abandoned_) return;
  for (void* block : all_) {
    if (memory_ == CudaMemory::kDevice) {
      api_.Free(block);
    } else {
      api_.FreeHost(block);
    }
  }
}

void CachingAllocator::Abandon() {
  MutexLock lock(&mutex_);
  abandoned_ = true;
}

int64_t CachingAllocator::SizeClass(int64_t bytes) {
  if (bytes <= kLeast) return kLeast;
  int64_t power = kLeast;
  while (power * 2 < bytes) power *= 2;
  const int64_t step = power / kClassesPerPowerOfTwo;
  return (bytes + step - 1) / step * step;
}

void* CachingAllocator::Allocate(int64_t bytes) {
  if (bytes < 0 || bytes > kMost) return nullptr;
  const int64_t size = SizeClass(bytes);
  {
    MutexLock lock(&mutex_);
    std::vector<void*>& blocks = free_[size];
    if (!blocks.empty()) {
      void* const block = blocks.back();
      blocks.pop_back();
      return block;
    }
  }
  void* const block = TakeNew(size);
  if (block != nullptr) {
    MutexLock lock(&mutex_);
    all_.push_back(block);
  }
  return block;
}

void CachingAllocator::Deallocate(void* memory, int64_t bytes) {
  if (memory == nullptr) return;
  MutexLock lock(&mutex_);
  free_[SizeClass(bytes)].push_back(memory);
}

void* CachingAllocator::TakeNew(int64_t bytes) {
  ScopedDevice scope(api_, device_index_);
  ScopedCaptureMode capture_mode(api_);
  cudaError_t error = scope.error();
  void* block = nullptr;
  if (error == cudaSuccess) {
    const auto size = static_cast<size_t>(bytes);
    error = memory_ == CudaMemory::kDevice
                ? api_.Malloc(&block, size)
                : api_.HostAlloc(&block, size,
                                 cudaHostAllocPortable | cudaHostAllocMapped);
  }
  if (error == cudaSuccess) return block;
  api_.GetLastError();
  return nullptr;
}

}  // namespace parley
