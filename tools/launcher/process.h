// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// StartProcess: a child process in a session of its own, so that all that it
// starts can be reached by one signal and none of it can be stopped by the
// terminal; its output goes to pipes, its input is empty. It is killed if the
// launcher dies.
#ifndef PARLEY_TOOLS_LAUNCHER_PROCESS_H_
#define PARLEY_TOOLS_LAUNCHER_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "parley/tools/launcher/signals.h"

namespace parley::tools {

struct Process {
  pid_t id = -1;    // its process group's, too
  int output = -1;  // where its stdout can be read, without blocking
  int errors = -1;  // its stderr
};

// Runs `command`, found through PATH as a shell would, with `environment`
// ("NAME=value" entries), and returns when it runs. Where there is no such
// program the error is kNotFound, and it names the program.
absl::StatusOr<Process> StartProcess(
    const std::vector<std::string>& command,
    const std::vector<std::string>& environment,
    const LauncherSignals& signals);

}  // namespace parley::tools

#endif  // PARLEY_TOOLS_LAUNCHER_PROCESS_H_
