// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/tools/run_program.h"

#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace parley::testing {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

std::string TempPath(const std::string& name) {
  return absl::StrCat(std::getenv("TEST_TMPDIR"), "/", name);
}

std::string ProgramPath(const std::string& program) {
  return absl::StrCat(std::getenv("TEST_SRCDIR"), "/",
                      std::getenv("TEST_WORKSPACE"), "/", program);
}

ProgramResult RunProgram(const std::string& program,
                         const std::string& arguments,
                         const std::string& prefix) {
  const std::string out = TempPath("stdout");
  const std::string err = TempPath("stderr");
  const std::string command =
      absl::StrCat(prefix, " '", ProgramPath(program), "' ", arguments, " >'",
                   out, "' 2>'", err, "' </dev/null");
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadFile(out),
          ReadFile(err)};
}

}  // namespace parley::testing
