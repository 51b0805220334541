// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Observer: where warnings and reports go. A library does not write to stderr;
// without an observer all is silent.
//
//   class Printer : public Observer {
//    public:
//     void OnWarning(absl::string_view message) override {
//       std::cerr << "warning: " << message << "\n";
//     }
//   };
//
// Thread-safety: called only by the thread that calls the averager.
#ifndef PARLEY_AVERAGING_OBSERVER_H_
#define PARLEY_AVERAGING_OBSERVER_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "parley/averaging/reduction.h"

namespace parley {

// What one step did. All but `step` and `meetings` is zero where no meeting
// was held.
struct StepReport {
  int64_t step = 0;      // the step that this was, counted from 0
  int64_t meetings = 0;  // complete so far, this one included
  bool met = false;

  int ranks = 0;               // whose parameters entered the mean
  int64_t bytes_received = 0;  // from other ranks
  int64_t wait_ns = 0;         // until all ranks had come
  int64_t move_ns = 0;         // from then to the end of the meeting

  // By which floating-point means were formed.
  Reduction reduction = Reduction::kReproducible;

  // Of the averaged parameters, the same on all ranks; 0 with the option off
  // and in a world of one.
  uint64_t model_fingerprint = 0;
};

class Observer {
 public:
  virtual ~Observer() = default;

  // Something that is allowed and probably not meant.
  virtual void OnWarning(absl::string_view message) { (void)message; }

  // After every complete meeting.
  virtual void OnMeeting(const StepReport& report) { (void)report; }
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_OBSERVER_H_
