// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Launch: runs a command once per rank on this machine and sees them through.
//
//   LaunchOptions options;
//   options.ranks = 8;
//   options.command = {"train", "--steps=100"};
//   PARLEY_ASSIGN_OR_RETURN(const int exit_code, Launch(options));
//
// - Each rank's environment says who it is (rank_environment.h), with a folder
//   for a FileStore that is deleted at the end.
// - What ranks print comes out line by line with "[RANK] " before it, stdout on
//   stdout and stderr on stderr. If the reader goes away, it goes away for the
//   ranks, too.
// - SIGINT, SIGTERM and SIGHUP are passed on to all processes of all ranks.
// - When a rank fails, the others get SIGTERM, and SIGKILL after a grace
//   period. What ranks that have ended leave running is ended in the same way.
// - All descendants are waited for, except those that leave the session of
//   their rank.
//
// Thread-safety: once, in a program with one thread that ends afterwards: it
// forks, and SIGINT, SIGTERM and SIGHUP do nothing from then on.
#ifndef PARLEY_TOOLS_LAUNCHER_LAUNCHER_H_
#define PARLEY_TOOLS_LAUNCHER_LAUNCHER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace parley::tools {

struct LaunchOptions {
  int ranks = 1;
  int master_port = 0;  // 0 for one that is free
  absl::Duration grace = absl::Seconds(10);
  std::vector<std::string> command;  // the program and its arguments
};

// Gives the exit code of the rank that failed first, 128 + the signal's number
// if it was killed by one; 0 if all gave 0. 127 if there is no such program,
// 126 if it cannot be run. A line on stderr says which rank failed and how.
absl::StatusOr<int> Launch(const LaunchOptions& options);

}  // namespace parley::tools

#endif  // PARLEY_TOOLS_LAUNCHER_LAUNCHER_H_
