// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/worker_pool.h"

namespace parley::sim {
namespace {

// Looks at `value` for a while, some 20 microseconds, before the thread sleeps
// until it is no longer `old`. A meeting's jobs follow each other more closely
// than a sleeping thread wakes.
template <typename T>
T AwaitChange(const std::atomic<T>& value, T old) {
  constexpr int kLooks = 1000;
  for (int i = 0; i < kLooks; ++i) {
    const T now = value.load(std::memory_order_acquire);
    if (now != old) return now;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  value.wait(old, std::memory_order_acquire);
  return value.load(std::memory_order_acquire);
}

}  // namespace

WorkerPool::~WorkerPool() {
  job_ = nullptr;
  jobs_.fetch_add(1, std::memory_order_release);
  jobs_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void WorkerPool::Start() {
  for (int i = 1; i < threads_; ++i) {
    workers_.emplace_back([this, seen = jobs_.load()]() mutable {
      for (;;) {
        // No job begins before all workers are done with the one before it, so
        // none is missed.
        seen = AwaitChange(jobs_, seen);
        if (job_ == nullptr) return;
        DrainJob();
        if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
          busy_.notify_one();
        }
      }
    });
  }
}

void WorkerPool::DrainJob() {
  for (int64_t i = next_.fetch_add(1); i < count_; i = next_.fetch_add(1)) {
    (*job_)(i);
  }
}

void WorkerPool::Run(int64_t count, absl::FunctionRef<void(int64_t)> piece) {
  if (threads_ <= 1 || count <= 1) {
    for (int64_t i = 0; i < count; ++i) piece(i);
    return;
  }
  if (workers_.empty()) Start();
  job_ = &piece;
  count_ = count;
  next_ = 0;
  busy_ = threads_ - 1;
  jobs_.fetch_add(1, std::memory_order_release);
  jobs_.notify_all();
  DrainJob();
  int busy = busy_.load(std::memory_order_acquire);
  while (busy != 0) busy = AwaitChange(busy_, busy);
}

}  // namespace parley::sim
