// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/command_line.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/parse.h"
#include "absl/flags/reflection.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace parley::tools {
namespace {

std::string& ProgramName() {
  static std::string* const name = new std::string;
  return *name;
}

// Breaks `text` into lines of at most 79 columns, indented.
std::string Wrap(const std::string& text) {
  std::string result;
  std::string line = "     ";
  for (const std::string& word :
       std::vector<std::string>(absl::StrSplit(text, ' '))) {
    if (line.size() + 1 + word.size() > 79) {
      absl::StrAppend(&result, line, "\n");
      line = "     ";
    }
    absl::StrAppend(&line, " ", word);
  }
  return absl::StrCat(result, line, "\n");
}

void PrintHelp(const std::string& usage,
               const std::vector<std::string>& flags) {
  std::printf("%s\n\nFlags:\n", usage.c_str());
  for (const std::string& name : flags) {
    const absl::CommandLineFlag* flag = absl::FindCommandLineFlag(name);
    if (flag == nullptr) continue;
    std::printf("  --%s (default: %s)\n%s", name.c_str(),
                flag->DefaultValue().c_str(), Wrap(flag->Help()).c_str());
  }
}

bool IsHelp(const char* argument) {
  return std::strcmp(argument, "--help") == 0 ||
         std::strcmp(argument, "-help") == 0 ||
         std::strcmp(argument, "-h") == 0;
}

}  // namespace

void ParseCommandLine(int argc, char** argv, const std::string& usage,
                      const std::vector<std::string>& flags) {
  const char* slash = std::strrchr(argv[0], '/');
  ProgramName() = slash == nullptr ? argv[0] : slash + 1;
  // Abseil's own --help exits with 1.
  for (int i = 1; i < argc; ++i) {
    if (!IsHelp(argv[i])) continue;
    PrintHelp(usage, flags);
    std::exit(0);
  }
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1) {
    Fail(absl::InvalidArgumentError(
        absl::StrCat("unexpected argument '", rest[1], "'; see --help")));
  }
}

absl::Status BadFlag(absl::string_view flag, absl::string_view value,
                     absl::string_view requirement) {
  return absl::InvalidArgumentError(
      absl::StrCat("--", flag, "=", value, ": must be ", requirement));
}

void Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s: %s\n", ProgramName().c_str(),
               std::string(status.message()).c_str());
  std::exit(1);
}

}  // namespace parley::tools
