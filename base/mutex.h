// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Mutex, MutexLock and CondVar: the standard ones with Abseil's thread-safety
// annotations, so that clang checks at compile time who may touch what.
// absl::Mutex is not used because ThreadSanitizer cannot see inside a
// distribution's uninstrumented Abseil and reports false races.
//
//   class Counter {
//    public:
//     void Add(int n) ABSL_LOCKS_EXCLUDED(mutex_) {
//       MutexLock lock(&mutex_);
//       count_ += n;
//     }
//    private:
//     Mutex mutex_;
//     int count_ ABSL_GUARDED_BY(mutex_) = 0;
//   };
//
// Thread-safety: all three are thread-safe.
#ifndef PARLEY_BASE_MUTEX_H_
#define PARLEY_BASE_MUTEX_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"

namespace parley {

class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

// Holds a Mutex for the length of a scope.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex)
      : mutex_(mutex) {
    mutex_->Lock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_->Unlock(); }

 private:
  Mutex* const mutex_;
};

// A condition variable for use with Mutex. There is no wait without a bound:
// callers loop over their condition and decide at each wake-up.
class CondVar {
 public:
  CondVar() = default;
  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  // Releases `mutex`, waits for a signal or for `timeout_ns` nanoseconds, and
  // takes `mutex` again. May wake spuriously.
  void WaitFor(Mutex* mutex, long long timeout_ns)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    std::unique_lock<std::mutex> lock(mutex->mutex_, std::adopt_lock);
    condition_.wait_for(lock, std::chrono::nanoseconds(timeout_ns));
    lock.release();
  }

  void SignalAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace parley

#endif  // PARLEY_BASE_MUTEX_H_
