// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Prints each figure that Parley is held to beside its target.
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "parley/base/status_macros.h"
#include "parley/benchmarks/figures.h"
#include "parley/tools/command_line.h"
#include "parley/tools/json_file.h"

ABSL_FLAG(std::string, only, "",
          "Measure only the figures whose names begin with this.");
ABSL_FLAG(std::string, json_out, "", "Also write the figures to this file.");

namespace parley::benchmarks {
namespace {

constexpr char kUsage[] =
    "scorecard: measures what Parley is held to, each figure beside its "
    "target\n"
    "and, where it is a time, as a ratio of something else measured in this\n"
    "process. Values are medians, with the lowest and highest of the\n"
    "repetitions. Takes a few minutes and about 6 GB of memory; close other\n"
    "programs. Exits with 0 also where a target is missed.";

using Measure = std::function<absl::StatusOr<std::vector<Figure>>()>;

std::vector<std::pair<std::string, Measure>> AllMeasures() {
  return {{"mean_of_copy", [] { return MeanOfCopy(8); }},
          {"mean_of_copy_2", [] { return MeanOfCopy(2); }},
          {"mean_of_copy_4", [] { return MeanOfCopy(4); }},
          {"mean_of_copy_16", [] { return MeanOfCopy(16); }},
          {"meeting_of_copy", MeetingOfCopy},
          {"small_tensors_ratio", SmallTensorsRatio},
          {"idle_step_ns", IdleStep},
          {"meeting_extra_bytes", MeetingExtraBytes},
          {"simulator_calls_per_second", SimulatorCalls},
          {"thousand_ranks_seconds", ThousandRanks}};
}

void Print(const Figure& figure) {
  std::printf("%-28s %14.6g %-11s %8s %-12.6g %-7s [%.4g, %.4g]\n",
              figure.name.c_str(), figure.value, figure.unit.c_str(),
              figure.at_least ? "at least" : "at most", figure.target,
              figure.Met() ? "met" : "MISSED", figure.low, figure.high);
  std::fflush(stdout);
}

absl::Status Main() {
  const std::string json_out = absl::GetFlag(FLAGS_json_out);
  if (!json_out.empty()) {
    PARLEY_RETURN_IF_ERROR(tools::CheckWritable("json_out", json_out));
  }
  const std::string only = absl::GetFlag(FLAGS_only);
  nlohmann::ordered_json json = {{"schema_version", 1},
                                 {"figures", nlohmann::ordered_json::array()}};
  for (const auto& [name, measure] : AllMeasures()) {
    if (!absl::StartsWith(name, only)) continue;
    PARLEY_ASSIGN_OR_RETURN(std::vector<Figure> figures, measure());
    for (const Figure& figure : figures) {
      Print(figure);
      json["figures"].push_back({{"name", figure.name},
                                 {"value", figure.value},
                                 {"unit", figure.unit},
                                 {"target", figure.target},
                                 {"met", figure.Met()},
                                 {"low", figure.low},
                                 {"high", figure.high}});
    }
  }
  if (json["figures"].empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--only=", only, ": no figure has such a name"));
  }
  if (json_out.empty()) return absl::OkStatus();
  return tools::WriteJson("json_out", json_out, json);
}

}  // namespace
}  // namespace parley::benchmarks

int main(int argc, char** argv) {
  parley::tools::ParseCommandLine(argc, argv, parley::benchmarks::kUsage,
                                  {"only", "json_out"});
  if (absl::Status status = parley::benchmarks::Main(); !status.ok()) {
    parley::tools::Fail(status);
  }
  return 0;
}
