// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Linked into a suite of the averager, puts NCCL over the fakes in the place of
// the simulator's communicator (tests/support/backend.h).
#include "gtest/gtest.h"
#include "parley/tests/nccl/nccl_world.h"
#include "parley/tests/support/backend.h"

namespace parley::testing {
namespace {

sim::Report RunOnFakeNccl(const sim::WorldOptions& world,
                          const WorldBody& body) {
  fakes::FakeReport report = RunOnNccl(world, {}, body);
  EXPECT_TRUE(report.diagnoses.empty()) << report;
  // Where a communicator fails, virtual times may depend on which thread was
  // faster, so traces are not compared: results are.
  report.world.trace_hash = 0;
  return report.world;
}

const bool registered = SetBackend(RunOnFakeNccl);

}  // namespace
}  // namespace parley::testing
