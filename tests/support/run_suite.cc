// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/support/run_suite.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "parley/tests/tools/run_program.h"

namespace parley::testing {
namespace {

// Seconds. A mutant may make a suite hang.
constexpr int kTimeout = 100;

std::string EndOf(const std::string& text) {
  constexpr size_t kShown = 4000;
  return text.size() <= kShown ? text : text.substr(text.size() - kShown);
}

}  // namespace

SuiteResult RunSuite(const std::string& program, const std::string& mutant,
                     const std::string& filter) {
  const std::string report = TempPath("suite.json");
  std::remove(report.c_str());
  // The child reports to the file alone, not to Bazel.
  const ProgramResult run = RunProgram(
      program,
      absl::StrCat("--gtest_brief=1 --gtest_filter='", filter,
                   "' --gtest_output='json:", report, "'"),
      absl::StrCat("env -u XML_OUTPUT_FILE -u TEST_PREMATURE_EXIT_FILE ",
                   "PARLEY_MUTANT=", mutant, " timeout ", kTimeout));
  const nlohmann::json counts =
      nlohmann::json::parse(ReadFile(report), nullptr,
                            /*allow_exceptions=*/false);
  const bool ended = counts.is_object() && counts.value("tests", 0) > 0;
  const int failures = ended ? counts.value("failures", 0) : 0;
  SuiteResult result;
  result.passed = ended && failures == 0 && run.exit_code == 0;
  result.failed = ended && failures > 0 && run.exit_code == 1;
  result.summary = absl::StrCat(
      program, " on ", mutant.empty() ? "no mutant" : mutant, ": exit code ",
      run.exit_code, ended ? "" : ", ran no tests to the end", ", ", failures,
      " failures\n", EndOf(run.output), EndOf(run.errors));
  return result;
}

}  // namespace parley::testing
