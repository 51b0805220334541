// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs one suite of the averager on the mutants that BUILD names beside it, and
// requires it to fail on each, and to pass on the one that has no fault.
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "parley/tests/support/run_suite.h"

namespace parley::testing {
namespace {

std::string Suite() { return std::getenv("PARLEY_SUITE"); }

std::vector<std::string> Mutants() {
  return absl::StrSplit(std::getenv("PARLEY_SUITE_MUTANTS"), ',');
}

// So what the suite fails on below is the fault, not what it comes in.
TEST(SuiteTest, PassesOnAMutantWithoutAFault) {
  const SuiteResult result = RunSuite(Suite(), "harmless");
  EXPECT_TRUE(result.passed) << result.summary;
}

TEST(SuiteTest, FailsOnEachMutant) {
  for (const std::string& mutant : Mutants()) {
    const SuiteResult result = RunSuite(Suite(), mutant);
    EXPECT_TRUE(result.failed) << result.summary;
  }
}

}  // namespace
}  // namespace parley::testing
