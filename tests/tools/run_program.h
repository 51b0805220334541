// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs one of the project's programs as a user would, from a test that names it
// among its data.
#ifndef PARLEY_TESTS_TOOLS_RUN_PROGRAM_H_
#define PARLEY_TESTS_TOOLS_RUN_PROGRAM_H_

#include <string>

namespace parley::testing {

struct ProgramResult {
  int exit_code = -1;
  std::string output;  // stdout
  std::string errors;  // stderr
};

// Where a program is, by its path in the repository: "tools/simulate".
std::string ProgramPath(const std::string& program);

// `program` is a path in the repository; `arguments` is a
// piece of a shell command, and so is `prefix`, which comes before the program:
// "env LANG=C timeout 10".
ProgramResult RunProgram(const std::string& program,
                         const std::string& arguments,
                         const std::string& prefix = "");

// The content of a file, "" if there is none.
std::string ReadFile(const std::string& path);

// A path in the test's temporary folder.
std::string TempPath(const std::string& name);

}  // namespace parley::testing

#endif  // PARLEY_TESTS_TOOLS_RUN_PROGRAM_H_
