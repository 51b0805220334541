// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Clock: the one way to read time, to wait for a condition and to start a
// library's background thread. Nothing else in Parley reads time, so that the
// same code runs on the steady clock in production and in virtual time in the
// simulator.
//
//   Clock& clock = communicator.clock();
//   std::unique_ptr<ClockThread> watchdog = clock.StartThread(
//       "watchdog", [&] {
//         clock.WaitUntil([&] { return stop.load(); }, kNever);
//       });
//   stop = true;
//   clock.Wake();
//   watchdog->Join();
//
// Thread-safety: all methods may be called from any thread of the program on a
// steady clock, and from ranks and actors of the world on a simulated one.
#ifndef PARLEY_BASE_CLOCK_H_
#define PARLEY_BASE_CLOCK_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>

namespace parley {

// A deadline that does not come.
inline constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

// A thread started by Clock::StartThread.
class ClockThread {
 public:
  // Joins if Join() was not called.
  virtual ~ClockThread() = default;

  // Blocks until the thread's function has returned. Idempotent.
  virtual void Join() = 0;
};

class Clock {
 public:
  virtual ~Clock() = default;

  // Nanoseconds since an origin that is fixed for the life of the clock.
  virtual int64_t NowNs() = 0;

  // Blocks until `condition` holds or the clock reaches `deadline_ns`; returns
  // whether it held. `condition` must be cheap and free of side effects, and
  // must not use this clock; it is evaluated on any thread, after each Wake()
  // at least.
  virtual bool WaitUntil(const std::function<bool()>& condition,
                         int64_t deadline_ns) = 0;

  // Makes all waiters look at their conditions again.
  virtual void Wake() = 0;

  // Runs `body` on a thread that this clock knows. The thread may block only
  // in WaitUntil() of this clock and in calls that are documented to allow it.
  virtual std::unique_ptr<ClockThread> StartThread(
      std::string name, std::function<void()> body) = 0;
};

// The machine's monotonic clock. Never null, lives for ever.
Clock& SteadyClock();

// `now_ns + timeout_ns`, kNever where that would overflow.
constexpr int64_t DeadlineAfter(int64_t now_ns, int64_t timeout_ns) {
  return timeout_ns >= kNever - now_ns ? kNever : now_ns + timeout_ns;
}

}  // namespace parley

#endif  // PARLEY_BASE_CLOCK_H_
