// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// CachingAllocator: memory of a device, or of the host where the device can
// reach it, that is taken from CUDA once and kept for the next one who asks.
// Giving it back to CUDA waits for the device: behind a collective that hangs,
// for ever. So that happens only when the allocator is destroyed.
//
// Sizes are rounded up to one of eight classes per power of two, at most an
// eighth more than was asked for.
//
// Thread-safety: thread-safe.
#ifndef PARLEY_DEVICE_CUDA_CACHING_ALLOCATOR_H_
#define PARLEY_DEVICE_CUDA_CACHING_ALLOCATOR_H_

#include <cstdint>
#include <map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "parley/base/mutex.h"
#include "parley/device/cuda/cuda_api.h"
#include "parley/device/device.h"

namespace parley {

enum class CudaMemory { kDevice, kPinnedHost };

class CachingAllocator : public Allocator {
 public:
  // `api` must outlive the allocator.
  CachingAllocator(const CudaApi& api, int device_index, CudaMemory memory);
  CachingAllocator(const CachingAllocator&) = delete;
  CachingAllocator& operator=(const CachingAllocator&) = delete;
  // Gives back all memory, also what was not deallocated.
  ~CachingAllocator() override;

  void* Allocate(int64_t bytes) override ABSL_LOCKS_EXCLUDED(mutex_);
  void Deallocate(void* memory, int64_t bytes) override
      ABSL_LOCKS_EXCLUDED(mutex_);

  // From now on nothing is given back to CUDA.
  void Abandon() ABSL_LOCKS_EXCLUDED(mutex_);

  // The size of a block that is used for `bytes` bytes.
  static int64_t SizeClass(int64_t bytes);

 private:
  void* TakeNew(int64_t bytes);

  const CudaApi& api_;
  const int device_index_;
  const CudaMemory memory_;
  Mutex mutex_;
  std::map<int64_t, std::vector<void*>> free_ ABSL_GUARDED_BY(mutex_);
  std::vector<void*> all_ ABSL_GUARDED_BY(mutex_);
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_CACHING_ALLOCATOR_H_
