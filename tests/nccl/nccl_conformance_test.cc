// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// NcclCommunicator, over fake GPUs and a fake NCCL, under the suite that every
// backend must pass. With PARLEY_MUTANT set, over broken tables, and the suite
// must fail (mutants_test).
#include <cstdlib>

#include "gtest/gtest.h"
#include "parley/comm/testing/conformance.h"
#include "parley/tests/nccl/nccl_world.h"
#include "parley/tests/nccl/table_mutants.h"

namespace parley::testing {
namespace {

std::vector<absl::Status> RunOnFakeNccl(int ranks, const RankBody& body) {
  const char* mutant = std::getenv("PARLEY_MUTANT");
  const fakes::FakeReport report = RunOnNccl(
      {.ranks = ranks}, MutantWorld(mutant == nullptr ? "" : mutant),
      [&](sim::RankContext& rank) { return body(rank.communicator()); });
  EXPECT_TRUE(report.diagnoses.empty()) << report;
  std::vector<absl::Status> statuses;
  for (const sim::RankReport& rank : report.world.ranks) {
    statuses.push_back(rank.status);
  }
  return statuses;
}

ConformanceBackend Backend() {
  ConformanceBackend backend;
  backend.name = "Nccl";
  backend.run = RunOnFakeNccl;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  backend.max_count = 4096;
#endif
  return backend;
}

const bool registered = RegisterConformanceTests(Backend());

}  // namespace
}  // namespace parley::testing
