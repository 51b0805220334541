// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// tools/train as a user meets it: in the simulator it prints what simulate
// finds; over NCCL the same line where there is a GPU, and one line that says
// why not elsewhere; its help and its answers to bad input.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "parley/tests/tools/run_program.h"

namespace parley::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kTrain[] = "tools/train";
constexpr char kNoLauncher[] =
    "env -u RANK -u WORLD_SIZE -u LOCAL_RANK -u LOCAL_WORLD_SIZE "
    "-u MASTER_ADDR -u MASTER_PORT -u PARLEY_STORE";

// The environment of the only rank of a job.
std::string OneRank(const std::string& store) {
  return absl::StrCat(
      "env RANK=0 WORLD_SIZE=1 LOCAL_RANK=0 LOCAL_WORLD_SIZE=1 "
      "MASTER_ADDR=127.0.0.1 MASTER_PORT=1 PARLEY_STORE='",
      store, "'");
}

int Lines(const std::string& text) {
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

TEST(TrainTest, InTheSimulatorItPrintsWhatSimulateFinds) {
  const std::string flags =
      " --ranks=3 --steps=60 --seed=5 --warmup=4 --shard=label --period=7";
  const std::string path = TempPath("out.json");
  ASSERT_EQ(RunProgram("tools/simulate",
                       absl::StrCat(flags, " --json_out='", path, "'"))
                .exit_code,
            0);
  const auto file = nlohmann::json::parse(ReadFile(path));
  ASSERT_EQ(file["runs"].size(), 4u);
  for (const auto& run : file["runs"]) {
    const std::string mode = run["name"];
    const ProgramResult result =
        RunProgram(kTrain, absl::StrCat("--mode=", mode, flags));
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.errors, "");
    EXPECT_EQ(
        result.output,
        absl::StrFormat("%s on 3 ranks: test accuracy %.2f %%, %d meetings, "
                        "fingerprint %s\n",
                        mode == "periodic" ? "periodic 7" : mode,
                        100 * run["test_accuracy"].get<double>(),
                        run["meetings"].get<int>(),
                        run["final_fingerprint"].get<std::string>()));
  }
}

// Where there is no GPU, CUDA's own words; where there is one but no NCCL, the
// linker's.
TEST(TrainTest, OverNcclItPrintsTheSameOrSaysWhyNot) {
  const ProgramResult result = RunProgram(kTrain, "--backend=nccl --steps=30",
                                          OneRank(TempPath("store")));
  if (result.exit_code == 0) {
    EXPECT_EQ(result.output, RunProgram(kTrain, "--ranks=1 --steps=30").output);
    return;
  }
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.output, "");
  EXPECT_THAT(result.errors,
              AllOf(StartsWith("train: "),
                    AnyOf(HasSubstr("cudaError"), HasSubstr("libnccl"))));
  EXPECT_EQ(Lines(result.errors), 1) << result.errors;
}

TEST(TrainTest, LaunchTellsWhatItsRanksSay) {
  const ProgramResult result = RunProgram(
      "tools/launch", absl::StrCat("--ranks=1 '", ProgramPath(kTrain),
                                   "' --backend=nccl --steps=30"));
  if (result.exit_code == 0) {
    EXPECT_EQ(result.output,
              absl::StrCat("[0] ",
                           RunProgram(kTrain, "--ranks=1 --steps=30").output));
    return;
  }
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, StartsWith("[0] train: "));
}

TEST(TrainTest, HelpIsNoError) {
  const ProgramResult result = RunProgram(kTrain, "--help");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.errors, "");
  for (const char* word :
       {"--backend", "--ranks", "--mode", "--period", "--warmup", "--steps",
        "--seed", "--shard", "LOCAL_RANK", "Example"}) {
    EXPECT_THAT(result.output, HasSubstr(word));
  }
}

// One line with the value on stderr, nothing on stdout, and a failure.
TEST(TrainTest, BadInputIsToldInOneLine) {
  const std::string nccl = "--backend=nccl";
  const std::vector<std::vector<std::string>> cases = {
      {"--backend=gloo", kNoLauncher, "--backend=gloo: must be sim or nccl"},
      {"--mode=often", kNoLauncher, "--mode=often: must be synchronous"},
      {"--period=0", kNoLauncher, "--period=0: must be at least 1"},
      {"--period=2,4", kNoLauncher, "'2,4'"},
      {"--ranks=0", kNoLauncher, "--ranks=0: must be from 1 to 1024"},
      {"--ranks=x", kNoLauncher, "'x'"},
      {"--steps=0", kNoLauncher, "--steps=0: must be from 1"},
      {"--warmup=-1", kNoLauncher, "--warmup=-1: must be from 0"},
      {"--warmup=2000", kNoLauncher, "2000"},
      {"--shard=half", kNoLauncher, "--shard=half: must be iid or label"},
      {"--no_such_flag=1", kNoLauncher, "no_such_flag"},
      {"stray", kNoLauncher, "stray"},
      {nccl + " --ranks=2", kNoLauncher, "--ranks=2: must be left"},
      {nccl, kNoLauncher, "WORLD_SIZE is not set"},
      {nccl, OneRank("store") + " RANK=1", "RANK=1"},
      {nccl, OneRank(""), "PARLEY_STORE is not set"},
      {nccl, OneRank("store") + " LOCAL_RANK=-1", "LOCAL_RANK=-1"}};
  for (const std::vector<std::string>& each : cases) {
    SCOPED_TRACE(each[0] + " " + each[1]);
    const ProgramResult result = RunProgram(kTrain, each[0], each[1]);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.output, "");
    EXPECT_THAT(result.errors, HasSubstr(each[2]));
    EXPECT_EQ(Lines(result.errors), 1) << result.errors;
  }
}

}  // namespace
}  // namespace parley::testing
