// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// tools/simulate as a user meets it: its promises on accuracy and bytes, its
// determinism, its help and its answers to bad input.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "parley/tests/tools/run_program.h"

namespace parley::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kSimulate[] = "tools/simulate";

// Runs with --json_out and gives the parsed file.
json Simulate(const std::string& arguments) {
  const std::string path = TempPath("out.json");
  const ProgramResult result = RunProgram(
      kSimulate, absl::StrCat(arguments, " --json_out='", path, "'"));
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.errors, "");
  return json::parse(ReadFile(path));
}

const json& Row(const json& file, const std::string& name) {
  for (const json& run : file["runs"]) {
    if (run["name"] == name) return run;
  }
  ADD_FAILURE() << "no row " << name;
  return file;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Medians {
  double synchronous, periodic, never, bytes_ratio;
};

Medians OverFiveSeeds(const std::string& arguments) {
  std::vector<double> synchronous, periodic, never, bytes_ratio;
  for (int seed = 1; seed <= 5; ++seed) {
    const json file =
        Simulate(absl::StrCat("--period=8 --seed=", seed, " ", arguments));
    const json& sync = Row(file, "synchronous");
    const json& eight = Row(file, "periodic");
    synchronous.push_back(sync["test_accuracy"]);
    periodic.push_back(eight["test_accuracy"]);
    never.push_back(Row(file, "never")["test_accuracy"]);
    bytes_ratio.push_back(sync["bytes_per_rank"].get<double>() /
                          eight["bytes_per_rank"].get<double>());
  }
  return {Median(synchronous), Median(periodic), Median(never),
          *std::min_element(bytes_ratio.begin(), bytes_ratio.end())};
}

TEST(SimulateTest, PeriodEightKeepsTheAccuracyForASixthOfTheBytes) {
  const Medians medians = OverFiveSeeds("--shard=iid");
  EXPECT_GE(medians.synchronous, 0.95);
  EXPECT_GE(medians.periodic, medians.synchronous - 0.01);
  EXPECT_GE(medians.periodic, medians.never + 0.03);
  EXPECT_GE(medians.bytes_ratio, 6);
}

TEST(SimulateTest, MeetingsTeachTheDigitsThatARankNeverSees) {
  const Medians medians = OverFiveSeeds("--shard=label");
  EXPECT_GE(medians.periodic, medians.never + 0.50);
}

// Byte for byte the same file, whoever runs when; another seed differs.
TEST(SimulateTest, OneSeedOneResult) {
  const std::string args = "--steps=60 --period=8 ";
  const json seven = Simulate(args + "--seed=7");
  EXPECT_EQ(Simulate(args + "--seed=7"), seven);
  EXPECT_EQ(Simulate(args + "--seed=7 --parallel=1"), seven);
  EXPECT_EQ(Simulate(args + "--seed=7 --parallel=8"), seven);
  const json eight = Simulate(args + "--seed=8");
  for (size_t i = 0; i < seven["runs"].size(); ++i) {
    for (const char* key : {"trace_hash", "final_fingerprint"}) {
      EXPECT_NE(seven["runs"][i][key], eight["runs"][i][key]) << i << key;
    }
  }
}

TEST(SimulateTest, JsonHasTheAgreedFields) {
  const json file = Simulate("--steps=50 --period=4,8 --seed=3");
  EXPECT_EQ(file["schema_version"], 1);
  EXPECT_EQ(file["seed"], 3);
  ASSERT_EQ(file["runs"].size(), 5u);
  for (const json& run : file["runs"]) {
    for (const char* key :
         {"name", "period", "ranks", "meetings", "bytes_per_rank",
          "virtual_seconds", "wait_seconds", "test_accuracy",
          "final_fingerprint", "trace_hash"}) {
      EXPECT_TRUE(run.contains(key)) << key;
    }
    EXPECT_EQ(run["final_fingerprint"].get<std::string>().substr(0, 2), "0x");
    EXPECT_LE(run["test_accuracy"].get<double>(), 1.0);
  }
  EXPECT_EQ(Row(file, "never")["meetings"], 0);
  EXPECT_EQ(Row(file, "synchronous")["meetings"], 50);
}

TEST(SimulateTest, FlagsChangeWhatTheySay) {
  const std::string args = "--steps=40 --period=8 ";
  const json base = Simulate(args);
  const auto seconds = [](const json& file) {
    return Row(file, "synchronous")["virtual_seconds"].get<double>();
  };
  EXPECT_GT(seconds(Simulate(args + "--latency=5ms")), 2 * seconds(base));
  EXPECT_GT(seconds(Simulate(args + "--bandwidth=0.001")), 2 * seconds(base));
  // A step computes for 0.4 to 0.5 ms, and all wait for the slowest rank: four
  // times as long on one of them adds 1.1 to 1.6 ms a step.
  const double late =
      seconds(Simulate(args + "--stragglers=3:400")) - seconds(base);
  EXPECT_GE(late, 40 * 1.1e-3);
  EXPECT_LE(late, 40 * 1.6e-3);
  EXPECT_LT(seconds(Simulate(args + "--hosts=1")), seconds(base));
  EXPECT_EQ(Row(Simulate(args + "--ranks=3 --hosts=1"), "never")["ranks"], 3);
  const json weighted = Simulate(args + "--weights=1,2,3,4,5,6,7,8");
  EXPECT_NE(Row(weighted, "periodic")["final_fingerprint"],
            Row(base, "periodic")["final_fingerprint"]);
}

// No terminal, no progress bar; a table with one row per run.
TEST(SimulateTest, PrintsATable) {
  const ProgramResult result =
      RunProgram(kSimulate, "--steps=20 --period=8,16");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.errors, "");
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("test accuracy"), HasSubstr("synchronous"),
                    HasSubstr("periodic 16"), HasSubstr("final_only"),
                    HasSubstr("never")));
}

TEST(SimulateTest, TheReadmeShowsWhatItPrints) {
  const std::string readme = ReadFile("README.md");
  const ProgramResult result = RunProgram(kSimulate, "");
  ASSERT_EQ(result.exit_code, 0);
  EXPECT_THAT(readme, HasSubstr("<!-- simulate:begin -->\n```\n" +
                                result.output + "```\n"));
}

TEST(SimulateTest, HelpIsNoError) {
  for (const char* flag : {"--help", "-help", "-h"}) {
    const ProgramResult result = RunProgram(kSimulate, flag);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.errors, "");
    for (const char* word :
         {"--ranks", "--hosts", "--period", "--warmup", "--steps", "--seed",
          "--shard", "--bandwidth", "--latency", "--stragglers", "--weights",
          "--parallel", "--data_file", "--json_out", "Example"}) {
      EXPECT_THAT(result.output, HasSubstr(word));
    }
  }
}

// One line with the value on stderr, nothing on stdout, and a failure.
TEST(SimulateTest, BadInputIsToldInOneLine) {
  const std::string corrupt = TempPath("corrupt.csv");
  ASSERT_EQ(
      std::system(absl::StrCat("printf '1,2,x\\n' > '", corrupt, "'").c_str()),
      0);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"--ranks=0", "0"},
      {"--ranks=x", "x"},
      {"--hosts=9", "9"},
      {"--period=-3", "-3"},
      {"--period=", "period"},
      {"--warmup=-1", "-1"},
      {"--warmup=2000", "2000"},
      {"--steps=abc", "abc"},
      {"--steps=0", "0"},
      {"--bandwidth=fast", "fast"},
      {"--bandwidth=0", "0"},
      {"--bandwidth=nan", "nan"},
      {"--latency=-1s", "-1s"},
      {"--latency=soon", "soon"},
      {"--shard=half", "half"},
      {"--stragglers=9:100", "9:100"},
      {"--stragglers=1", "1"},
      {"--weights=1,1", "2 numbers for 8 ranks"},
      {"--weights=0,0,0,0,0,0,0,0", "0"},
      {"--weights=1,1,1,1,1,1,1,-1", "-1"},
      {"--weights=1,1,1,1,1,1,1,inf", "inf"},
      {"--parallel=-1", "-1"},
      {"--no_such_flag=1", "no_such_flag"},
      {"stray", "stray"},
      {"--json_out=/no/such/folder/x.json", "/no/such/folder/x.json"},
      {"--json_out=/", "--json_out=/"},
      {"--data_file=/no/such/file", "/no/such/file"},
      {"--data_file=" + corrupt, "line 1"}};
  for (const auto& [arguments, text] : cases) {
    const ProgramResult result = RunProgram(kSimulate, arguments);
    EXPECT_NE(result.exit_code, 0) << arguments;
    EXPECT_EQ(result.output, "") << arguments;
    EXPECT_THAT(result.errors, HasSubstr(text)) << arguments;
    EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1)
        << result.errors;
  }
}

// A run that fails leaves the file of an earlier one as it was.
TEST(SimulateTest, NothingIsHalfWritten) {
  const std::string path = TempPath("kept.json");
  ASSERT_EQ(
      RunProgram(kSimulate, absl::StrCat("--steps=5 --json_out='", path, "'"))
          .exit_code,
      0);
  const std::string before = ReadFile(path);
  EXPECT_NE(RunProgram(kSimulate, absl::StrCat("--data_file=/none --json_out='",
                                               path, "'"))
                .exit_code,
            0);
  EXPECT_EQ(ReadFile(path), before);
  EXPECT_EQ(ReadFile(path + ".partial"), "");
}

}  // namespace
}  // namespace parley::testing
