// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Trains the digits' model on simulated ranks in several ways of staying
// together, and prints what each cost and what it gained.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "parley/base/status_macros.h"
#include "parley/examples/digits/dataset.h"
#include "parley/examples/digits/experiment.h"
#include "parley/examples/digits/trainer.h"
#include "parley/tools/command_line.h"
#include "parley/tools/json_file.h"
#include "parley/tools/training_flags.h"

ABSL_FLAG(int, ranks, 8, "Number of ranks, at least 1.");
ABSL_FLAG(int, hosts, 2, "Number of hosts that the ranks are laid out over.");
ABSL_FLAG(std::vector<std::string>, period,
          (std::vector<std::string>{"2", "4", "8", "16", "32"}),
          "Steps between two means of the models: a number, or several with "
          "commas, each a row of the table.");
ABSL_FLAG(double, bandwidth, 1.0,
          "Bandwidth between hosts in gigabytes per second.");
ABSL_FLAG(absl::Duration, latency, absl::Microseconds(50),
          "Latency between hosts, such as 50us or 30ms.");
ABSL_FLAG(std::vector<std::string>, stragglers, std::vector<std::string>(),
          "Slow ranks as rank:percent of the usual time for a step, with "
          "commas, such as 3:150,5:400.");
ABSL_FLAG(std::vector<std::string>, weights, std::vector<std::string>(),
          "One weight per rank for the means of models, with commas; equal "
          "ones if not given.");
ABSL_FLAG(int, parallel, 0,
          "Ranks running at once, 0 for all. Changes no result.");
ABSL_FLAG(std::string, data_file, "",
          "Train on this file instead of the built-in digits: lines of 64 "
          "pixels in 0..16 and the digit, with commas.");
ABSL_FLAG(std::string, json_out, "",
          "Also write the results to this file, as JSON.");

namespace parley {
namespace {

constexpr char kUsage[] =
    "simulate: ranks train a digit recogniser apart, meet, and leave with the "
    "same bits.\n\n"
    "Eight simulated ranks on two hosts each get a share of 1,797 images of\n"
    "handwritten digits and train the same small network by SGD with "
    "momentum.\n"
    "Each row of the table is one way of staying together:\n"
    "  synchronous  the mean of the gradients at every step\n"
    "  periodic     a few synchronous steps, then the mean of the models "
    "every\n"
    "               so many steps (post-local SGD), and once at the end\n"
    "  final_only   the mean of the models once, at the very end\n"
    "  never        each rank for itself; accuracy is the mean over ranks\n"
    "Everything runs in this process, in virtual time. Equal flags give equal\n"
    "results, to the bit.\n\n"
    "Example: simulate --shard=label --period=8 --stragglers=3:200";

using tools::BadFlag;

struct Run {
  digits::ExperimentOptions options;
  digits::ExperimentResult result;
};

absl::StatusOr<std::vector<int64_t>> Periods() {
  std::vector<int64_t> periods;
  for (const std::string& text : absl::GetFlag(FLAGS_period)) {
    int64_t period = 0;
    if (!absl::SimpleAtoi(text, &period) || period < 1) {
      return BadFlag("period", text, "a whole number, at least 1");
    }
    periods.push_back(period);
  }
  if (periods.empty()) return BadFlag("period", "", "at least one number");
  return periods;
}

absl::StatusOr<std::vector<sim::Straggler>> Stragglers(int ranks) {
  std::vector<sim::Straggler> stragglers;
  for (const std::string& text : absl::GetFlag(FLAGS_stragglers)) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(text, absl::MaxSplits(':', 1));
    sim::Straggler straggler;
    if (!absl::SimpleAtoi(parts.first, &straggler.rank) ||
        !absl::SimpleAtoi(parts.second, &straggler.percent) ||
        straggler.rank < 0 || straggler.rank >= ranks ||
        straggler.percent < 1) {
      return BadFlag("stragglers", text,
                     "rank:percent with a rank that exists and at least 1 "
                     "percent");
    }
    stragglers.push_back(straggler);
  }
  return stragglers;
}

absl::StatusOr<std::vector<double>> Weights(int ranks) {
  std::vector<double> weights;
  double sum = 0;
  for (const std::string& text : absl::GetFlag(FLAGS_weights)) {
    double weight = 0;
    if (!absl::SimpleAtod(text, &weight) || !(weight >= 0 && weight <= 1e300)) {
      return BadFlag("weights", text, "a finite number, at least 0");
    }
    sum += weight;
    weights.push_back(weight);
  }
  if (weights.empty()) return weights;
  if (static_cast<int>(weights.size()) != ranks) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--weights: ", weights.size(), " numbers for ", ranks, " ranks"));
  }
  if (sum == 0) return BadFlag("weights", "0", "more than 0 for some rank");
  return weights;
}

absl::StatusOr<sim::WorldOptions> WorldFromFlags() {
  sim::WorldOptions world;
  world.ranks = absl::GetFlag(FLAGS_ranks);
  world.hosts = absl::GetFlag(FLAGS_hosts);
  world.max_parallel = absl::GetFlag(FLAGS_parallel);
  const double bandwidth = absl::GetFlag(FLAGS_bandwidth);
  const absl::Duration latency = absl::GetFlag(FLAGS_latency);
  if (world.ranks < 1 || world.ranks > 1024) {
    return BadFlag("ranks", absl::StrCat(world.ranks), "from 1 to 1024");
  }
  if (world.hosts < 1 || world.hosts > world.ranks) {
    return BadFlag(
        "hosts", absl::StrCat(world.hosts),
        absl::StrCat("from 1 to the number of ranks, ", world.ranks));
  }
  if (world.max_parallel < 0) {
    return BadFlag("parallel", absl::StrCat(world.max_parallel), "at least 0");
  }
  if (!(bandwidth >= 1e-6 && bandwidth <= 1e6)) {
    return BadFlag("bandwidth", absl::StrCat(bandwidth),
                   "from 0.000001 to 1000000 GB/s");
  }
  if (latency < absl::ZeroDuration() || latency > absl::Hours(1)) {
    return BadFlag("latency", absl::FormatDuration(latency), "from 0 to 1h");
  }
  PARLEY_ASSIGN_OR_RETURN(world.stragglers, Stragglers(world.ranks));
  world.inter_host = {latency, static_cast<int64_t>(bandwidth * 1e9)};
  return world;
}

// The rows of the table, checked.
absl::StatusOr<std::vector<Run>> RunsFromFlags() {
  digits::ExperimentOptions base;
  PARLEY_ASSIGN_OR_RETURN(base.world, WorldFromFlags());
  PARLEY_ASSIGN_OR_RETURN(base.training, tools::TrainingFromFlags());
  PARLEY_ASSIGN_OR_RETURN(base.training.weights, Weights(base.world.ranks));
  base.world.seed = base.training.seed;
  PARLEY_ASSIGN_OR_RETURN(std::vector<int64_t> periods, Periods());
  std::vector<Run> runs;
  const auto add = [&](digits::Mode mode, int64_t period) {
    runs.push_back({base, {}});
    runs.back().options.training.mode = mode;
    runs.back().options.training.period = period;
  };
  add(digits::Mode::kSynchronous, 1);
  for (int64_t period : periods) add(digits::Mode::kPeriodic, period);
  add(digits::Mode::kFinalOnly, base.training.steps);
  add(digits::Mode::kNever, 0);
  return runs;
}

// One line on a terminal, redrawn; nothing elsewhere.
class ProgressBar {
 public:
  explicit ProgressBar(int64_t total)
      : total_(total), shown_(isatty(STDERR_FILENO) != 0) {}

  void Show(const std::string& what, int64_t done) {
    const int width = static_cast<int>(kWidth * done / total_);
    if (!shown_ || (width == last_width_ && what == last_what_)) return;
    last_width_ = width;
    last_what_ = what;
    std::fprintf(stderr, "\r[%s%s] %3d %%  %-20s",
                 std::string(static_cast<size_t>(width), '#').c_str(),
                 std::string(static_cast<size_t>(kWidth - width), '.').c_str(),
                 static_cast<int>(100 * done / total_), what.c_str());
    std::fflush(stderr);
  }

  ~ProgressBar() {
    if (shown_) std::fprintf(stderr, "\r%*s\r", kWidth + 32, "");
  }

 private:
  static constexpr int kWidth = 40;
  const int64_t total_;
  const bool shown_;
  int last_width_ = -1;
  std::string last_what_;
};

absl::Status RunAll(const digits::TrainTest& data, std::vector<Run>& runs) {
  const int64_t steps = runs[0].options.training.steps;
  ProgressBar bar(steps * static_cast<int64_t>(runs.size()));
  int64_t done = 0;
  for (Run& run : runs) {
    run.options.progress = [&](int64_t step) {
      bar.Show(tools::WayOf(run.options.training), done + step);
    };
    PARLEY_ASSIGN_OR_RETURN(run.result,
                            digits::RunExperiment(data, run.options));
    done += steps;
  }
  return absl::OkStatus();
}

void PrintTable(const std::vector<Run>& runs, const digits::TrainTest& data) {
  const digits::ExperimentOptions& base = runs[0].options;
  std::printf(
      "%d ranks on %d hosts, %d training images (%s), %d steps of %d, seed "
      "%d\n\n",
      base.world.ranks, base.world.hosts, data.train.size(),
      base.training.sharding == digits::Sharding::kIid ? "iid" : "by label",
      static_cast<int>(base.training.steps), digits::kBatch,
      static_cast<int>(base.world.seed));
  std::printf("%-14s %13s %9s %15s %12s %8s\n", "", "test accuracy", "meetings",
              "MB sent / rank", "virtual s", "waiting");
  for (const Run& run : runs) {
    const digits::ExperimentResult& result = run.result;
    std::printf("%-14s %11.2f %% %9d %15.3f %12.3f %6.1f %%\n",
                tools::WayOf(run.options.training).c_str(),
                100 * result.training.test_accuracy,
                static_cast<int>(result.training.meetings),
                result.bytes_per_rank / 1e6, result.virtual_seconds,
                100 * result.wait_seconds / result.virtual_seconds);
  }
}

nlohmann::ordered_json ToJson(const std::vector<Run>& runs) {
  nlohmann::ordered_json json;
  json["schema_version"] = 1;
  json["seed"] = runs[0].options.world.seed;
  for (const Run& run : runs) {
    const digits::ExperimentResult& result = run.result;
    const absl::string_view name = digits::Name(run.options.training.mode);
    json["runs"].push_back({
        {"name", std::string(name.data(), name.size())},
        {"period", run.options.training.period},
        {"ranks", run.options.world.ranks},
        {"meetings", result.training.meetings},
        {"bytes_per_rank", result.bytes_per_rank},
        {"virtual_seconds", result.virtual_seconds},
        {"wait_seconds", result.wait_seconds},
        {"test_accuracy", result.training.test_accuracy},
        {"final_fingerprint",
         absl::StrFormat("0x%016x", result.training.fingerprint)},
        {"trace_hash", absl::StrFormat("0x%016x", result.trace_hash)},
    });
  }
  return json;
}

absl::Status Main() {
  PARLEY_ASSIGN_OR_RETURN(std::vector<Run> runs, RunsFromFlags());
  const std::string json_out = absl::GetFlag(FLAGS_json_out);
  if (!json_out.empty()) {
    PARLEY_RETURN_IF_ERROR(tools::CheckWritable("json_out", json_out));
  }
  const std::string data_file = absl::GetFlag(FLAGS_data_file);
  PARLEY_ASSIGN_OR_RETURN(
      digits::Dataset images,
      data_file.empty() ? digits::LoadEmbedded() : digits::LoadFile(data_file));
  const digits::TrainTest data = digits::SplitTrainTest(
      images, Random(runs[0].options.training.seed).Fork("split"));
  if (data.train.size() < runs[0].options.world.ranks ||
      data.test.size() == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--data_file=", data_file, ": ", images.size(),
        " images are too few for ", runs[0].options.world.ranks, " ranks"));
  }
  PARLEY_RETURN_IF_ERROR(RunAll(data, runs));
  PrintTable(runs, data);
  if (!json_out.empty()) {
    PARLEY_RETURN_IF_ERROR(
        tools::WriteJson("json_out", json_out, ToJson(runs)));
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace parley

int main(int argc, char** argv) {
  parley::tools::ParseCommandLine(
      argc, argv, parley::kUsage,
      {"ranks", "hosts", "period", "warmup", "steps", "seed", "shard",
       "bandwidth", "latency", "stragglers", "weights", "parallel", "data_file",
       "json_out"});
  if (absl::Status status = parley::Main(); !status.ok()) {
    parley::tools::Fail(status);
  }
  return 0;
}
