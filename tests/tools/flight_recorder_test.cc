// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// tools/flight_recorder as a user meets it, on files that the library's flight
// recorder wrote.
#include "parley/comm/nccl/flight_recorder.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/tests/tools/run_program.h"

namespace parley::testing {
namespace {

using ::testing::HasSubstr;

ProgramResult Read(const std::string& arguments) {
  return RunProgram("tools/flight_recorder", arguments);
}

// Writes the dump of a rank of three which has completed a mean and, unless it
// is late, waits in the barrier after it; returns its path.
std::string WriteDump(int rank, bool late) {
  FlightRecorder recorder(rank, 3, 16);
  const int world = recorder.AddCommunicator("world", rank, 3);
  const int64_t mean = recorder.Schedule(world,
                                         {.op = "AllReduce",
                                          .dtype = "float32",
                                          .sequence = 0,
                                          .tensors = 1,
                                          .elements = 1000,
                                          .signature = 7},
                                         10);
  recorder.Mark(mean, FlightState::kStarted, 20);
  recorder.Mark(mean, FlightState::kCompleted, 30);
  if (!late) {
    const int64_t barrier = recorder.Schedule(
        world, {.op = "Barrier", .sequence = 1, .signature = 8}, 40);
    recorder.Mark(barrier, FlightState::kStarted, 50);
  }
  const std::string path = TempPath(absl::StrCat("flight-", rank, ".json"));
  const absl::Status status =
      recorder.Write(path, absl::StrCat("rank ", rank, " ran out of time"), 99);
  EXPECT_TRUE(status.ok()) << status;
  return path;
}

TEST(FlightRecorderTest, SaysWhoIsMissing) {
  std::string arguments;
  for (int rank : {2, 0, 1}) {
    absl::StrAppend(&arguments, " '", WriteDump(rank, rank == 2), "'");
  }
  const ProgramResult result = Read(arguments);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.errors, "");
  EXPECT_EQ(result.output,
            "rank 2 of 3: rank 2 ran out of time\n"
            "rank 0 of 3: rank 0 ran out of time\n"
            "rank 1 of 3: rank 1 ran out of time\n"
            "\n"
            "world: rank 2 never reached #1 Barrier; its last is #0 AllReduce "
            "float32[1000] (completed)\n");
}

TEST(FlightRecorderTest, SaysThatARankGaveNoFile) {
  const ProgramResult result = Read(
      absl::StrCat("'", WriteDump(0, true), "' '", WriteDump(2, true), "'"));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, HasSubstr("world: no dump of rank 1 of its 3"));
}

TEST(FlightRecorderTest, SaysThatAllIsWell) {
  std::string arguments;
  for (int rank : {0, 1, 2}) {
    absl::StrAppend(&arguments, " '", WriteDump(rank, true), "'");
  }
  const ProgramResult result = Read(arguments);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, HasSubstr("\n\nall operations are complete"));
}

TEST(FlightRecorderTest, HelpIsNoError) {
  for (const char* flag : {"--help", "-help", "-h"}) {
    const ProgramResult result = Read(flag);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.errors, "");
    for (const char* word : {"flight_recorder DUMP.json", "Example"}) {
      EXPECT_THAT(result.output, HasSubstr(word));
    }
  }
}

// One line with the path on stderr, nothing on stdout, and a failure.
TEST(FlightRecorderTest, BadInputIsToldInOneLine) {
  const std::string good = WriteDump(0, false);
  const std::string text = ReadFile(good);
  const auto write = [](const std::string& name, const std::string& content) {
    std::ofstream(TempPath(name)) << content;
    return TempPath(name);
  };
  const std::string empty = write("empty.json", "");
  const std::string cut = write("cut.json", text.substr(0, text.size() / 2));
  const std::string other = write("other.json", "{\"rank\": 1}");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "no files"},
      {"/no/such/file", "/no/such/file: cannot read: No such file"},
      {good + " /no/such/file", "/no/such/file: cannot read"},
      {good + " " + TempPath(""), TempPath("") + ": cannot read: Is a dir"},
      {empty, empty + ": "},
      {good + " " + cut, cut + ": "},
      {other, other + ": "},
      {"--no_such_flag=1 " + good, "no_such_flag"}};
  for (const auto& [arguments, expected] : cases) {
    const ProgramResult result = Read(arguments);
    EXPECT_EQ(result.exit_code, 1) << arguments;
    EXPECT_EQ(result.output, "") << arguments;
    EXPECT_THAT(result.errors, HasSubstr(expected)) << arguments;
    EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1)
        << result.errors;
  }
}

}  // namespace
}  // namespace parley::testing
