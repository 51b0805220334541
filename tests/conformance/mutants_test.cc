// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs the conformance suite on every mutant, as a child process, and requires
// it to fail; and to pass on none.
#include "parley/comm/testing/mutants.h"

#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace parley::testing {
namespace {

// The exit code of the suite; 1 means that tests failed.
int RunSuite(const std::string& mutant) {
  const std::string program = absl::StrCat(
      std::getenv("TEST_SRCDIR"), "/", std::getenv("TEST_WORKSPACE"),
      "/tests/conformance/sim_conformance_test");
  // The child reports to its exit code alone.
  const std::string command = absl::StrCat(
      "env -u XML_OUTPUT_FILE -u GTEST_OUTPUT PARLEY_MUTANT=", mutant,
      " timeout 120 '", program,
      "' --gtest_brief=1 --gtest_filter='SimConformance.*:*257*' >/dev/null "
      "2>&1");
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(MutantsTest, TheSuitePassesWithoutAFault) { EXPECT_EQ(RunSuite(""), 0); }

TEST(MutantsTest, TheSuiteFailsOnEveryMutant) {
  for (const std::string& name : MutantNames()) {
    EXPECT_EQ(RunSuite(name), 1) << name;
  }
}

}  // namespace
}  // namespace parley::testing
