// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Deadline: when a meeting must be over, handed down to each of its operations
// and waits.
//
//   const Deadline deadline(communicator.clock(), options.timeout);
//   communicator.Barrier(stream, deadline.ForCall());
//   work.WaitHost(deadline.Remaining());
//
// Thread-safety: thread-compatible, a value.
#ifndef PARLEY_AVERAGING_DEADLINE_H_
#define PARLEY_AVERAGING_DEADLINE_H_

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "parley/base/clock.h"
#include "parley/comm/communicator.h"

namespace parley {

class Deadline {
 public:
  // `timeout` from now on. Zero: none of its own, so that each operation has
  // the communicator's timeout.
  Deadline(Clock& clock, absl::Duration timeout) : clock_(clock) {
    if (timeout > absl::ZeroDuration() && timeout < absl::Nanoseconds(kNever)) {
      at_ns_ = DeadlineAfter(clock.NowNs(), absl::ToInt64Nanoseconds(timeout));
    }
  }

  // How long a wait may take. Never zero, which to a call means "the default".
  absl::Duration Remaining() const {
    if (at_ns_ == kNever) return absl::InfiniteDuration();
    return absl::Nanoseconds(std::max<int64_t>(1, at_ns_ - clock_.NowNs()));
  }

  CallOptions ForCall() const {
    return {at_ns_ == kNever ? absl::ZeroDuration() : Remaining()};
  }

 private:
  Clock& clock_;
  int64_t at_ns_ = kNever;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_DEADLINE_H_
