// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// NcclCommunicator, over fake GPUs and a fake NCCL, under the suite that every
// backend must pass. With PARLEY_MUTANT set, over broken tables, and the suite
// must fail (mutants_test).
#include <cstdlib>
#include <vector>

#include "gtest/gtest.h"
#include "parley/comm/testing/conformance.h"
#include "parley/tests/nccl/nccl_world.h"
#include "parley/tests/nccl/table_mutants.h"

namespace parley::testing {
namespace {

std::vector<absl::Status> RunWith(const std::vector<fakes::FakeFault>& faults,
                                  int ranks, const RankBody& body) {
  const char* mutant = std::getenv("PARLEY_MUTANT");
  NcclWorldOptions options = MutantWorld(mutant == nullptr ? "" : mutant);
  options.fakes.faults = faults;
  // So that ranks know of each other within the suite's short waits.
  options.progress_interval = absl::Milliseconds(5);
  const fakes::FakeReport report = RunOnNccl(
      {.ranks = ranks}, options,
      [&](sim::RankContext& rank) { return body(rank.communicator()); });
  EXPECT_TRUE(report.diagnoses.empty()) << report;
  std::vector<absl::Status> statuses;
  for (const sim::RankReport& rank : report.world.ranks) {
    statuses.push_back(rank.status);
  }
  return statuses;
}

std::vector<absl::Status> RunOnFakeNccl(int ranks, const RankBody& body) {
  return RunWith({}, ranks, body);
}

std::vector<absl::Status> RunWithADeath(int ranks, int victim,
                                        const RankBody& body) {
  fakes::FakeFault fault;
  fault.kind = fakes::FaultKind::kDeath;
  fault.rank = victim;
  fault.operation = 20;
  return RunWith({fault}, ranks, body);
}

ConformanceBackend Backend() {
  ConformanceBackend backend;
  backend.name = "Nccl";
  backend.run = RunOnFakeNccl;
  backend.run_with_a_death = RunWithADeath;
  backend.names_missing_ranks = true;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  backend.max_count = 4096;
#endif
  return backend;
}

const bool registered = RegisterConformanceTests(Backend());

}  // namespace
}  // namespace parley::testing
