// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/base/clock.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "parley/base/mutex.h"

namespace parley {
namespace {

// A condition that changes without a Wake() is still seen after this long.
constexpr int64_t kPollNs = 10'000'000;

class SteadyThread : public ClockThread {
 public:
  explicit SteadyThread(std::function<void()> body)
      : thread_(std::move(body)) {}
  ~SteadyThread() override { SteadyThread::Join(); }

  void Join() override {
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::thread thread_;
};

class SteadyClockImpl : public Clock {
 public:
  int64_t NowNs() override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }

  bool WaitUntil(const std::function<bool()>& condition,
                 int64_t deadline_ns) override {
    MutexLock lock(&mutex_);
    while (!condition()) {
      const int64_t now_ns = NowNs();
      if (now_ns >= deadline_ns) return false;
      changed_.WaitFor(&mutex_, std::min(kPollNs, deadline_ns - now_ns));
    }
    return true;
  }

  void Wake() override {
    // Taken so that a waiter is either before its look at the condition or
    // already asleep, never between the two.
    MutexLock lock(&mutex_);
    changed_.SignalAll();
  }

  std::unique_ptr<ClockThread> StartThread(
      std::string, std::function<void()> body) override {
    return std::make_unique<SteadyThread>(std::move(body));
  }

 private:
  Mutex mutex_;
  CondVar changed_;
};

}  // namespace

Clock& SteadyClock() {
  static Clock* const clock = new SteadyClockImpl;
  return *clock;
}

}  // namespace parley
