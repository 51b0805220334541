// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Schedule: when ranks meet. A pure function from where training stands to the
// next meeting: ranks evaluate it apart and must come to the same answer.
//
//   auto schedule = PeriodicSchedule({.period = 4, .warmup_steps = 13});
//   schedule->Next({.step = 0}, {}).step;   // 13
//   schedule->Next({.step = 14}, {}).step;  // 17
//
// Steps are counted from 0; the meeting "at step s" is the one that is held
// when the s-th step, with its local training, has been taken.
//
// Thread-safety: a Schedule is immutable; all methods may be called by any
// thread at any time.
#ifndef PARLEY_AVERAGING_SCHEDULE_H_
#define PARLEY_AVERAGING_SCHEDULE_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "parley/averaging/description.h"
#include "parley/averaging/observer.h"

namespace parley {

// Where training stands.
struct Position {
  int64_t step = 0;      // the next step to be taken
  int64_t meetings = 0;  // held so far
};

// What ranks told each other at the last meeting; the same on all of them. NaN
// where nobody told.
struct Signals {
  // That of the lowest rank that is still training.
  double learning_rate = std::numeric_limits<double>::quiet_NaN();
  // The mean over ranks that are still training, in rank order.
  double loss = std::numeric_limits<double>::quiet_NaN();
};

// The step of a meeting that never comes.
inline constexpr int64_t kNoMeeting = std::numeric_limits<int64_t>::max();

struct Meeting {
  int64_t step = kNoMeeting;
};

class Schedule {
 public:
  virtual ~Schedule() = default;

  // kInvalidArgument, naming the field and its value, for a schedule that
  // cannot be followed. Tells `observer` of one that is probably not meant.
  virtual absl::Status Check(Observer& observer) const = 0;

  // The first meeting at `position.step` or later. Requires that Check() was
  // OK and that `signals` are those of the last meeting before.
  virtual Meeting Next(const Position& position,
                       const Signals& signals) const = 0;

  // All that Next() depends on, as names and values: what ranks compare and
  // what a saved state is checked against. The first is the kind.
  virtual Description Describe() const = 0;
};

// "periodic, period 8, warmup_steps 500, first at_warmup".
std::string ToString(const Schedule& schedule);

// Which step is the first to end in a meeting; systems disagree.
enum class FirstMeeting {
  // At step == warmup_steps, after one step beyond the warm-up: PyTorch's
  // PeriodicModelAverager. Meetings at warmup, warmup + period, ...
  kAtWarmup,
  // When a whole period has been trained after the warm-up: torchft, DiLoCo.
  // Meetings at warmup + period - 1, warmup + 2 * period - 1, ...
  kAfterPeriod,
};

struct PeriodicScheduleOptions {
  // Steps from one meeting to the next, at least 1. With 1, averaging gradients
  // costs the same and loses nothing, hence a warning.
  int64_t period = 0;

  // Steps before the first period begins, at least 0. Nothing happens in them:
  // who wants synchronous training at first averages gradients meanwhile.
  int64_t warmup_steps = 0;

  FirstMeeting first = FirstMeeting::kAtWarmup;
};

// A meeting every `period` steps.
std::shared_ptr<const Schedule> PeriodicSchedule(
    const PeriodicScheduleOptions& options);

}  // namespace parley

#endif  // PARLEY_AVERAGING_SCHEDULE_H_
