// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs the conformance suite on every mutant, as a child process, and requires
// it to fail; and to pass on none.
#include "parley/comm/testing/mutants.h"

#include <string>

#include "gtest/gtest.h"
#include "parley/tests/support/run_suite.h"

namespace parley::testing {
namespace {

SuiteResult RunConformance(const std::string& mutant) {
  return RunSuite("tests/conformance/sim_conformance_test", mutant,
                  "SimConformance.*:*257*");
}

TEST(MutantsTest, TheSuitePassesWithoutAFault) {
  const SuiteResult result = RunConformance("");
  EXPECT_TRUE(result.passed) << result.summary;
}

TEST(MutantsTest, TheSuiteFailsOnEveryMutant) {
  for (const std::string& name : CommunicatorMutantNames()) {
    const SuiteResult result = RunConformance(name);
    EXPECT_TRUE(result.failed) << result.summary;
  }
}

}  // namespace
}  // namespace parley::testing
