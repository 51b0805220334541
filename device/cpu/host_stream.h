// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// HostStream: a stream whose work is functions on the host. The CPU device's
// kernels enqueue HostTasks on it; who runs them, and when, is the stream's
// affair: InlineStream runs them at once, the simulator's streams run them at
// once if nothing is pending and in virtual time otherwise.
//
// Thread-safety: as Stream.
#ifndef PARLEY_DEVICE_CPU_HOST_STREAM_H_
#define PARLEY_DEVICE_CPU_HOST_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "parley/device/device.h"

namespace parley {

// A function with its arguments by value, in fixed memory: enqueueing allocates
// nothing.
class HostTask {
 public:
  static constexpr size_t kCapacity = 96;

  HostTask() = default;

  // `bytes` is how much memory `function` reads and writes, for cost models.
  template <typename Function>
  HostTask(const Function& function, int64_t bytes) : bytes_(bytes) {
    static_assert(std::is_trivially_copyable_v<Function>);
    static_assert(sizeof(Function) <= kCapacity);
    std::memcpy(storage_, &function, sizeof(Function));
    run_ = [](void* storage) { (*static_cast<Function*>(storage))(); };
  }

  void Run() { run_(storage_); }
  int64_t bytes() const { return bytes_; }

 private:
  alignas(std::max_align_t) unsigned char storage_[kCapacity] = {};
  void (*run_)(void*) = nullptr;
  int64_t bytes_ = 0;
};

class HostStream : public Stream {
 public:
  // Appends `task`.
  virtual void Enqueue(const HostTask& task) = 0;
};

}  // namespace parley

#endif  // PARLEY_DEVICE_CPU_HOST_STREAM_H_
