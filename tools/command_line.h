// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// ParseCommandLine: what every program here does with its arguments, on top of
// absl::flags: --help prints the program's own flags, in their order, and exits
// with 0; an unknown flag, a bad value or a stray word is one line on stderr
// and exit code 1.
#ifndef PARLEY_TOOLS_COMMAND_LINE_H_
#define PARLEY_TOOLS_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace parley::tools {

// `usage` is what --help begins with; `flags` names the program's flags in the
// order in which --help lists them.
void ParseCommandLine(int argc, char** argv, const std::string& usage,
                      const std::vector<std::string>& flags);

// "--flag=value: must be requirement": a value that absl::flags accepts and the
// program does not.
absl::Status BadFlag(absl::string_view flag, absl::string_view value,
                     absl::string_view requirement);

// Prints "program: message" as one line on stderr and exits with 1.
[[noreturn]] void Fail(const absl::Status& status);

}  // namespace parley::tools

#endif  // PARLEY_TOOLS_COMMAND_LINE_H_
