// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/worker_pool.h"

namespace parley::sim {
namespace {

// How often a worker looks for the next job before it goes to sleep: about ten
// microseconds. A meeting hands out several jobs per bucket, and to wake a
// thread takes as long as a job; but ranks need the core when they wake.
constexpr int kLooks = 500;

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

WorkerPool::~WorkerPool() {
  job_ = nullptr;
  StartJob();
  for (auto& worker : workers_) worker->thread.join();
}

void WorkerPool::Start() {
  for (int i = 1; i < threads_; ++i) {
    auto worker = std::make_unique<Worker>();
    Worker* w = worker.get();
    w->thread = std::thread([this, w] {
      for (uint64_t seen = 0;; ++seen) {
        WaitForJob(*w, seen);
        if (job_ == nullptr) return;
        DrainJob();
        if (busy_.fetch_sub(1) == 1 && waiting_.exchange(false)) {
          done_.release();
        }
      }
    });
    workers_.push_back(std::move(worker));
  }
}

void WorkerPool::WaitForJob(Worker& worker, uint64_t seen) {
  for (int i = 0; i < kLooks; ++i) {
    if (jobs_.load() != seen) return;
    Pause();
  }
  worker.asleep = true;
  // Either this thread sees the job, or StartJob() sees it asleep.
  if (jobs_.load() != seen && worker.asleep.exchange(false)) return;
  worker.start.acquire();
}

void WorkerPool::StartJob() {
  busy_ = static_cast<int>(workers_.size());
  jobs_.fetch_add(1);
  for (auto& worker : workers_) {
    if (worker->asleep.exchange(false)) worker->start.release();
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
  StartJob();
  DrainJob();
  WaitForWorkers();
}

// They are at their last pieces.
void WorkerPool::WaitForWorkers() {
  for (int i = 0; i < kLooks; ++i) {
    if (busy_.load() == 0) return;
    Pause();
  }
  waiting_ = true;
  // Either this thread sees the last one go, or that sees it waiting.
  if (busy_.load() == 0 && waiting_.exchange(false)) return;
  done_.acquire();
}

}  // namespace parley::sim
