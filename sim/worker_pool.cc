// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/worker_pool.h"

namespace parley::sim {

WorkerPool::~WorkerPool() {
  job_ = nullptr;
  for (auto& worker : workers_) worker->start.release();
  for (auto& worker : workers_) worker->thread.join();
}

void WorkerPool::Start() {
  for (int i = 1; i < threads_; ++i) {
    auto worker = std::make_unique<Worker>();
    Worker* w = worker.get();
    w->thread = std::thread([this, w] {
      for (;;) {
        w->start.acquire();
        if (job_ == nullptr) return;
        DrainJob();
        w->done.release();
      }
    });
    workers_.push_back(std::move(worker));
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
  for (auto& worker : workers_) worker->start.release();
  DrainJob();
  for (auto& worker : workers_) worker->done.acquire();
}

}  // namespace parley::sim
