// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What the cases have in common beside replicas: the usual model and options,
// an error that all ranks must share, and an observer that remembers.
//
//   PARLEY_ASSIGN_OR_RETURN(
//       auto averager,
//       MakeAverager(rank.communicator(), replica, {.period = 4}));
//
//   EXPECT_EQ(CommonError(2, body).message(), "rank 1: ...");
//
// Thread-safety: the functions are thread-safe, a Recorder is one rank's.
#ifndef PARLEY_TESTS_CASES_HARNESS_H_
#define PARLEY_TESTS_CASES_HARNESS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "parley/averaging/model_averager.h"
#include "parley/averaging/observer.h"
#include "parley/averaging/schedule.h"
#include "parley/comm/communicator.h"
#include "parley/sim/world.h"
#include "parley/tests/cases/replica.h"
#include "parley/tests/support/tested_averager.h"

namespace parley::testing {

// The model of PyTorch's tests: a convolution and a linear layer.
std::vector<GroupSpec> Layers();

// An averager of all of `replica`, and its options.
absl::StatusOr<TestedAverager> MakeAverager(
    Communicator& communicator, const Replica& replica,
    const PeriodicScheduleOptions& schedule);
ModelAveragerOptions Periodic(Communicator& communicator,
                              const Replica& replica,
                              const PeriodicScheduleOptions& schedule);

// Runs `body` on `ranks` simulated ranks, all of which must return one error,
// and returns it.
absl::Status CommonError(
    int ranks, const std::function<absl::Status(sim::RankContext&)>& body);

// Keeps what it is told.
class Recorder : public Observer {
 public:
  void OnWarning(absl::string_view message) override {
    warnings_.emplace_back(message);
  }
  void OnMeeting(const StepReport& report) override {
    meetings_.push_back(report.step);
  }

  const std::vector<std::string>& warnings() const { return warnings_; }
  // Their steps.
  const std::vector<int64_t>& meetings() const { return meetings_; }

 private:
  std::vector<std::string> warnings_;
  std::vector<int64_t> meetings_;
};

}  // namespace parley::testing

#endif  // PARLEY_TESTS_CASES_HARNESS_H_
