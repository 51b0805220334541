// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/base/mutex.h"

#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "gtest/gtest.h"

namespace parley {
namespace {

constexpr long long kLong = 1'000'000'000;

class Counter {
 public:
  void Add(int n) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    // Two steps, between which another thread would be seen.
    const int before = count_;
    std::this_thread::yield();
    count_ = before + n;
  }
  int count() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    return count_;
  }

 private:
  Mutex mutex_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST(MutexTest, Excludes) {
  Counter counter;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) counter.Add(1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.count(), 4000);
}

// Two threads hand a token to and fro.
class Token {
 public:
  void Pass(int from, int to) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    while (holder_ != from) moved_.WaitFor(&mutex_, kLong);
    holder_ = to;
    ++passes_;
    moved_.SignalAll();
  }
  int passes() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    return passes_;
  }

 private:
  Mutex mutex_;
  CondVar moved_;
  int holder_ ABSL_GUARDED_BY(mutex_) = 0;
  int passes_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST(CondVarTest, SignalsReachWaiters) {
  Token token;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) token.Pass(1, 0);
  });
  for (int i = 0; i < 1000; ++i) token.Pass(0, 1);
  other.join();
  EXPECT_EQ(token.passes(), 2000);
}

TEST(CondVarTest, WaitForIsBoundedAndReturnsWithTheLock) {
  Mutex mutex;
  CondVar never;
  mutex.Lock();
  never.WaitFor(&mutex, 1);
  bool entered = false;
  std::thread other([&] {
    MutexLock lock(&mutex);
    entered = true;
  });
  EXPECT_FALSE(entered);
  mutex.Unlock();
  other.join();
  EXPECT_TRUE(entered);
}

}  // namespace
}  // namespace parley
