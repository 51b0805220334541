// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// RunSuite: runs a gtest program on a mutant, as a child process, and tells
// whether its tests found out. A crash, a hang or a program that is not there
// is no answer.
//
//   EXPECT_TRUE(RunSuite("tests/x/x_test", "does_nothing").failed);
//
// The program is to be among the test's data.
//
// Thread-safety: one call at a time.
#ifndef PARLEY_TESTS_SUPPORT_RUN_SUITE_H_
#define PARLEY_TESTS_SUPPORT_RUN_SUITE_H_

#include <string>

namespace parley::testing {

struct SuiteResult {
  bool passed = false;  // tests ran, and all passed
  bool failed = false;  // tests ran to the end, and some failed
  std::string summary;  // what happened, with the end of the output
};

// `mutant` goes to the program as PARLEY_MUTANT, "" is none. `filter` is
// gtest's.
SuiteResult RunSuite(const std::string& program, const std::string& mutant,
                     const std::string& filter = "*");

}  // namespace parley::testing

#endif  // PARLEY_TESTS_SUPPORT_RUN_SUITE_H_
