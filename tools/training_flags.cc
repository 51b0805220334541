// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/training_flags.h"

#include <cstdint>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "parley/examples/digits/dataset.h"
#include "parley/examples/digits/trainer.h"
#include "parley/tools/command_line.h"

ABSL_FLAG(int64_t, steps, parley::digits::kDefaultSteps,
          "Steps that each rank trains.");
ABSL_FLAG(absl::optional<int64_t>, warmup, absl::nullopt,
          "Synchronous steps before the first period; 2 % of the steps if not "
          "given.");
ABSL_FLAG(uint64_t, seed, 1,
          "Seed of the data split, the initial weights, the mini-batches and "
          "the simulated times.");
ABSL_FLAG(std::string, shard, "iid",
          "How the training images are dealt out: iid, or label (sorted by "
          "digit, so that a rank sees one or two of the ten).");

namespace parley::tools {

absl::StatusOr<digits::TrainingOptions> TrainingFromFlags() {
  digits::TrainingOptions options;
  options.seed = absl::GetFlag(FLAGS_seed);
  options.steps = absl::GetFlag(FLAGS_steps);
  if (options.steps < 1 || options.steps > 10'000'000) {
    return BadFlag("steps", absl::StrCat(options.steps), "from 1 to 10000000");
  }
  options.warmup_steps =
      absl::GetFlag(FLAGS_warmup).value_or(options.steps / 50);
  if (options.warmup_steps < 0 || options.warmup_steps > options.steps) {
    return BadFlag(
        "warmup", absl::StrCat(options.warmup_steps),
        absl::StrCat("from 0 to the number of steps, ", options.steps));
  }
  const std::string shard = absl::GetFlag(FLAGS_shard);
  if (shard != "iid" && shard != "label") {
    return BadFlag("shard", shard, "iid or label");
  }
  options.sharding =
      shard == "iid" ? digits::Sharding::kIid : digits::Sharding::kLabel;
  return options;
}

std::string WayOf(const digits::TrainingOptions& options) {
  const absl::string_view name = digits::Name(options.mode);
  std::string way(name.data(), name.size());
  if (options.mode == digits::Mode::kPeriodic) {
    absl::StrAppend(&way, " ", options.period);
  }
  return way;
}

}  // namespace parley::tools
