// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What a rank's environment is: this process's, with the variables that
// LaunchEnvironment (comm/store/environment.h) reads.
#ifndef PARLEY_TOOLS_LAUNCHER_RANK_ENVIRONMENT_H_
#define PARLEY_TOOLS_LAUNCHER_RANK_ENVIRONMENT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace parley::tools {

// "NAME=value" entries for rank `rank` of `ranks`, all on this machine.
std::vector<std::string> RankEnvironment(int rank, int ranks, int master_port,
                                         const std::string& store_directory);

// A port that nobody listens on.
absl::StatusOr<int> FreePort();

}  // namespace parley::tools

#endif  // PARLEY_TOOLS_LAUNCHER_RANK_ENVIRONMENT_H_
