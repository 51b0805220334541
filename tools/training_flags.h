// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// --steps, --warmup, --seed and --shard: how the digits are trained, for every
// program that trains them. A program that links this has these flags, and
// names those that it shows in its --help.
#ifndef PARLEY_TOOLS_TRAINING_FLAGS_H_
#define PARLEY_TOOLS_TRAINING_FLAGS_H_

#include <string>

#include "absl/status/statusor.h"
#include "parley/examples/digits/rank.h"

namespace parley::tools {

// What the flags say; the mode, its period and the weights are left to the
// program. kInvalidArgument, naming the flag and its value.
absl::StatusOr<digits::TrainingOptions> TrainingFromFlags();

// What people call a way of staying together: "periodic 8", "final_only".
std::string WayOf(const digits::TrainingOptions& options);

}  // namespace parley::tools

#endif  // PARLEY_TOOLS_TRAINING_FLAGS_H_
