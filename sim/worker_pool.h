// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// WorkerPool: runs independent pieces of one job on a few threads and returns
// when all are done. The simulator's scheduler moves bytes with it while every
// rank is parked; which thread runs which piece does not matter to the result.
// Between jobs its threads look for the next one for a moment, then sleep.
//
//   pool.Run(8, [&](int64_t i) { Copy(i); });
//
// Thread-safety: Run() is called by one thread at a time.
#ifndef PARLEY_SIM_WORKER_POOL_H_
#define PARLEY_SIM_WORKER_POOL_H_

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"

namespace parley::sim {

class WorkerPool {
 public:
  // With `threads` - 1 threads of its own beside the caller's. They are started
  // by the first Run() that needs them.
  explicit WorkerPool(int threads) : threads_(threads) {}
  ~WorkerPool();

  int threads() const { return threads_; }

  // Calls piece(0) ... piece(count - 1), each once, and returns after the last.
  // Once the threads are there, allocates nothing.
  void Run(int64_t count, absl::FunctionRef<void(int64_t)> piece);

 private:
  void Start();
  void DrainJob();

  const int threads_;
  std::vector<std::thread> workers_;
  const absl::FunctionRef<void(int64_t)>* job_ = nullptr;  // null: end
  int64_t count_ = 0;
  std::atomic<int64_t> next_{0};
  std::atomic<uint32_t> jobs_{0};  // begun
  std::atomic<int> busy_{0};       // workers that are not done with the last
};

}  // namespace parley::sim

#endif  // PARLEY_SIM_WORKER_POOL_H_
