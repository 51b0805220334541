// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs a command once per rank on this machine.
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "parley/tools/command_line.h"
#include "parley/tools/launcher/launcher.h"

ABSL_FLAG(int, ranks, 0, "Number of ranks, from 1 to 1024; must be given.");
ABSL_FLAG(int, master_port, 0,
          "MASTER_PORT of the ranks; 0 for one that is free.");
ABSL_FLAG(absl::Duration, grace, absl::Seconds(10),
          "How long a process has from SIGTERM, when the job is to end, to "
          "SIGKILL.");

namespace parley {
namespace {

constexpr char kUsage[] =
    "launch: runs a command once per rank, all on this machine.\n\n"
    "  launch --ranks=N [FLAGS] [--] COMMAND [ARGUMENTS...]\n\n"
    "Flags after COMMAND are COMMAND's own. Each rank has in its environment\n"
    "what torchrun sets, RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE,\n"
    "MASTER_ADDR and MASTER_PORT, and PARLEY_STORE, an empty folder through\n"
    "which ranks find each other; it is deleted at the end. Ranks have no "
    "input.\n\n"
    "Each line that rank 3 prints comes out as \"[3] line\", on stdout or "
    "stderr\nas it was.\n\n"
    "SIGINT, SIGTERM and SIGHUP are passed on to all processes of all ranks.\n"
    "When a rank fails the others are ended, by SIGTERM and after --grace by\n"
    "SIGKILL. The exit code is that of the rank that failed first, or 128 + "
    "the\nsignal that killed it; 0 if none failed; 127 if there is no such "
    "command,\n126 if it cannot be run; 1 if launch itself fails.\n\n"
    "Example: launch --ranks=4 sh -c 'echo rank $RANK of $WORLD_SIZE'";

// Where COMMAND begins. All of launch's flags take a value, which may be the
// next word; `--` ends them.
int CommandIndex(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const absl::string_view word = argv[i];
    if (word == "--") return i + 1;
    if (word.size() < 2 || word[0] != '-') return i;
    const bool help = word == "--help" || word == "-help" || word == "-h";
    if (!help && word.find('=') == absl::string_view::npos) ++i;
  }
  return argc;
}

// Under `bazel run` this process starts among the files of the build; COMMAND
// is meant to start where the user is.
void GoWhereTheUserIs() {
  const char* folder = std::getenv("BUILD_WORKING_DIRECTORY");
  char here[4096];
  if (folder == nullptr || getcwd(here, sizeof(here)) == nullptr ||
      std::strstr(here, ".runfiles") == nullptr) {
    return;
  }
  if (chdir(folder) != 0) {
    tools::Fail(absl::NotFoundError(
        absl::StrCat("cannot go to BUILD_WORKING_DIRECTORY=", folder)));
  }
}

absl::StatusOr<int> Main(const std::vector<std::string>& command) {
  tools::LaunchOptions options;
  options.ranks = absl::GetFlag(FLAGS_ranks);
  options.master_port = absl::GetFlag(FLAGS_master_port);
  options.grace = absl::GetFlag(FLAGS_grace);
  options.command = command;
  if (options.command.empty()) {
    return absl::InvalidArgumentError("no command to run; see --help");
  }
  if (options.ranks < 1 || options.ranks > 1024) {
    return tools::BadFlag("ranks", absl::StrCat(options.ranks),
                          "from 1 to 1024");
  }
  if (options.master_port < 0 || options.master_port > 65535) {
    return tools::BadFlag("master_port", absl::StrCat(options.master_port),
                          "from 0 to 65535");
  }
  if (options.grace < absl::ZeroDuration()) {
    return tools::BadFlag("grace", absl::FormatDuration(options.grace),
                          "at least 0");
  }
  GoWhereTheUserIs();
  return tools::Launch(options);
}

}  // namespace
}  // namespace parley

int main(int argc, char** argv) {
  const int command = parley::CommandIndex(argc, argv);
  parley::tools::ParseCommandLine(command, argv, parley::kUsage,
                                  {"ranks", "master_port", "grace"});
  const absl::StatusOr<int> exit_code =
      parley::Main({argv + command, argv + argc});
  if (!exit_code.ok()) parley::tools::Fail(exit_code.status());
  return *exit_code;
}
