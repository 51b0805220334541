// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/cases/harness.h"

#include "gtest/gtest.h"
#include "parley/tests/support/backend.h"

namespace parley::testing {

std::vector<GroupSpec> Layers() {
  return {{.tensors = {{.name = "conv.weight", .shape = {3, 3, 3, 3}},
                       {.name = "conv.bias", .shape = {3}},
                       {.name = "fc.weight", .shape = {5, 1}}}}};
}

ModelAveragerOptions Periodic(Communicator& communicator,
                              const Replica& replica,
                              const PeriodicScheduleOptions& schedule) {
  ModelAveragerOptions options;
  options.communicator = &communicator;
  options.parameters = replica.Parameters();
  options.schedule = PeriodicSchedule(schedule);
  return options;
}

absl::StatusOr<TestedAverager> MakeAverager(
    Communicator& communicator, const Replica& replica,
    const PeriodicScheduleOptions& schedule) {
  return TestedAverager::Create(Periodic(communicator, replica, schedule));
}

absl::Status CommonError(
    int ranks, const std::function<absl::Status(sim::RankContext&)>& body) {
  const sim::Report report = RunWorld({.ranks = ranks}, body);
  const absl::Status& error = report.ranks[0].status;
  EXPECT_FALSE(error.ok());
  for (const sim::RankReport& rank : report.ranks) {
    EXPECT_EQ(rank.status, error) << report;
  }
  return error;
}

}  // namespace parley::testing
