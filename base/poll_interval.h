// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// PollInterval: how long a loop sleeps that asks again and again for what
// nobody announces. At first it does not, then for ever longer: short waits end
// soon, and long ones cost little.
//
//   PollInterval interval;
//   while (!IsDone()) {
//     const int64_t sleep_ns = interval.NextNs();
//     if (sleep_ns == 0) continue;
//     ...
//   }
//
// Thread-safety: thread-compatible, a value.
#ifndef PARLEY_BASE_POLL_INTERVAL_H_
#define PARLEY_BASE_POLL_INTERVAL_H_

#include <algorithm>
#include <cstdint>
#include <utility>

namespace parley {

class PollInterval {
 public:
  // 0 for the first 16 times, which take about as long as a thread does to fall
  // asleep and wake up; then from 10 microseconds, doubling, to 1 millisecond.
  int64_t NextNs() {
    if (looks_ < kLooksWithoutSleep) {
      ++looks_;
      return 0;
    }
    return std::exchange(sleep_ns_, std::min(2 * sleep_ns_, kLongestNs));
  }

 private:
  static constexpr int kLooksWithoutSleep = 16;
  static constexpr int64_t kLongestNs = 1'000'000;

  int looks_ = 0;
  int64_t sleep_ns_ = 10'000;
};

}  // namespace parley

#endif  // PARLEY_BASE_POLL_INTERVAL_H_
