// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs the conformance suite on broken tables, as a child process, and requires
// it to fail on each; and to pass on none.
#include <string>

#include "gtest/gtest.h"
#include "parley/tests/nccl/table_mutants.h"
#include "parley/tests/support/run_suite.h"

namespace parley::testing {
namespace {

SuiteResult RunConformance(const std::string& mutant) {
  return RunSuite("tests/nccl/nccl_conformance_test", mutant,
                  "NcclConformance.*:*257*");
}

TEST(MutantsTest, TheSuitePassesWithoutAFault) {
  const SuiteResult result = RunConformance("");
  EXPECT_TRUE(result.passed) << result.summary;
}

TEST(MutantsTest, TheSuiteFailsOnEveryMutant) {
  for (const std::string& name : TableMutantNames()) {
    const SuiteResult result = RunConformance(name);
    EXPECT_TRUE(result.failed) << name << ": " << result.summary;
  }
}

}  // namespace
}  // namespace parley::testing
