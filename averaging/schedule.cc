// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/schedule.h"

#include "absl/strings/str_cat.h"

namespace parley {
namespace {

class Periodic final : public Schedule {
 public:
  explicit Periodic(const PeriodicScheduleOptions& options)
      : options_(options) {}

  absl::Status Check(Observer& observer) const override {
    if (options_.warmup_steps < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "warmup_steps: ", options_.warmup_steps, ", must be at least 0"));
    }
    if (options_.period < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("period: ", options_.period, ", must be at least 1"));
    }
    if (options_.period == 1) {
      observer.OnWarning(
          "period: 1 averages the model at every step, which costs no less "
          "than averaging gradients; synchronous training is then the better "
          "choice");
    }
    return absl::OkStatus();
  }

  Meeting Next(const Position& position, const Signals&) const override {
    int64_t first = options_.warmup_steps;
    if (options_.first == FirstMeeting::kAfterPeriod) {
      first = Add(first, options_.period - 1);
    }
    if (position.step <= first) return {first};
    const int64_t since_last = (position.step - first) % options_.period;
    if (since_last == 0) return {position.step};
    return {Add(position.step, options_.period - since_last)};
  }

  Description Describe() const override {
    Description description;
    description.Set("kind", "periodic");
    description.Set("period", options_.period);
    description.Set("warmup_steps", options_.warmup_steps);
    description.Set("first", options_.first == FirstMeeting::kAtWarmup
                                 ? "at_warmup"
                                 : "after_period");
    return description;
  }

 private:
  // A step beyond all numbers is one that never comes.
  static int64_t Add(int64_t step, int64_t steps) {
    return steps > kNoMeeting - step ? kNoMeeting : step + steps;
  }

  const PeriodicScheduleOptions options_;
};

}  // namespace

std::string ToString(const Schedule& schedule) {
  return ToString(schedule.Describe());
}

std::shared_ptr<const Schedule> PeriodicSchedule(
    const PeriodicScheduleOptions& options) {
  return std::make_shared<Periodic>(options);
}

}  // namespace parley
