// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/nccl/flight_recorder.h"

#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/comm/nccl/flight_dump.h"

namespace parley {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

FlightRecorder::Operation Reduce(int64_t sequence) {
  return {.op = "AllReduce",
          .dtype = "float32",
          .sequence = sequence,
          .tensors = 1,
          .elements = 100 + sequence,
          .signature = 0xfedcba9876543210u};
}

std::vector<int64_t> Sequences(const FlightDump& dump) {
  std::vector<int64_t> sequences;
  for (const FlightOperation& operation : dump.operations) {
    sequences.push_back(operation.sequence);
  }
  return sequences;
}

TEST(FlightRecorderTest, RemembersHowFarOperationsCame) {
  FlightRecorder recorder(3, 8, 10);
  const int world = recorder.AddCommunicator("world", 3, 8);
  const int pair = recorder.AddCommunicator("pair", 1, 2);
  const int64_t a = recorder.Schedule(world, Reduce(0), 10);
  const int64_t b = recorder.Schedule(pair, {.op = "Barrier"}, 20);
  const int64_t c = recorder.Schedule(world, Reduce(1), 30);
  recorder.Schedule(world, Reduce(2), 40);
  recorder.Mark(a, FlightState::kStarted, 50);
  recorder.Mark(b, FlightState::kStarted, 60);
  recorder.Mark(a, FlightState::kCompleted, 70);
  recorder.Mark(c, FlightState::kFailed, 80);

  const FlightDump dump = recorder.Snapshot("why", 90);
  EXPECT_EQ(dump.rank, 3);
  EXPECT_EQ(dump.size, 8);
  EXPECT_EQ(dump.reason, "why");
  EXPECT_EQ(dump.time_ns, 90);
  ASSERT_EQ(dump.communicators.size(), 2u);
  EXPECT_EQ(dump.communicators[0].scheduled, 3);
  EXPECT_EQ(dump.communicators[1].name, "pair");
  EXPECT_EQ(dump.communicators[1].rank, 1);
  EXPECT_EQ(dump.communicators[1].size, 2);
  EXPECT_EQ(dump.communicators[1].scheduled, 1);
  ASSERT_EQ(dump.operations.size(), 4u);
  EXPECT_EQ(dump.operations[0].state, FlightState::kCompleted);
  EXPECT_EQ(dump.operations[0].scheduled_ns, 10);
  EXPECT_EQ(dump.operations[0].started_ns, 50);
  EXPECT_EQ(dump.operations[0].ended_ns, 70);
  EXPECT_EQ(dump.operations[1].state, FlightState::kStarted);
  EXPECT_EQ(dump.operations[1].communicator, "pair");
  EXPECT_EQ(dump.operations[2].state, FlightState::kFailed);
  EXPECT_EQ(dump.operations[2].started_ns, 0);
  EXPECT_EQ(dump.operations[2].ended_ns, 80);
  EXPECT_EQ(dump.operations[3].state, FlightState::kScheduled);
}

TEST(FlightRecorderTest, ForgetsTheOldest) {
  FlightRecorder recorder(0, 1, 3);
  const int world = recorder.AddCommunicator("world", 0, 1);
  EXPECT_THAT(recorder.Snapshot("", 0).operations, ElementsAre());
  std::vector<int64_t> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(recorder.Schedule(world, Reduce(i), i));
  }
  // The first is forgotten: its place is another's.
  recorder.Mark(ids[0], FlightState::kFailed, 9);
  recorder.Mark(ids[2], FlightState::kStarted, 9);
  const FlightDump dump = recorder.Snapshot("", 0);
  EXPECT_THAT(Sequences(dump), ElementsAre(2, 3, 4));
  EXPECT_EQ(dump.operations[0].state, FlightState::kStarted);
  EXPECT_EQ(dump.operations[1].state, FlightState::kScheduled);
  EXPECT_EQ(dump.communicators[0].scheduled, 5);
}

TEST(FlightRecorderTest, HoldsOneOperationAtLeast) {
  FlightRecorder recorder(0, 1, 0);
  const int world = recorder.AddCommunicator("world", 0, 1);
  recorder.Schedule(world, Reduce(0), 0);
  recorder.Schedule(world, Reduce(1), 0);
  EXPECT_THAT(Sequences(recorder.Snapshot("", 0)), ElementsAre(1));
}

TEST(FlightRecorderTest, JsonSaysAllOfIt) {
  FlightRecorder recorder(3, 8, 10);
  const int world = recorder.AddCommunicator("wor\"ld", 3, 8);
  const int64_t id = recorder.Schedule(world, Reduce(7), 10);
  recorder.Mark(id, FlightState::kStarted, 20);
  recorder.Mark(id, FlightState::kFailed, 30);
  const auto parsed =
      ParseFlightDump(recorder.Snapshot("line\n\"quoted\"", 40).ToJson());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->rank, 3);
  EXPECT_EQ(parsed->size, 8);
  EXPECT_EQ(parsed->reason, "line\n\"quoted\"");
  EXPECT_EQ(parsed->time_ns, 40);
  ASSERT_EQ(parsed->communicators.size(), 1u);
  EXPECT_EQ(parsed->communicators[0].name, "wor\"ld");
  EXPECT_EQ(parsed->communicators[0].scheduled, 8);
  ASSERT_EQ(parsed->operations.size(), 1u);
  const FlightOperation& operation = parsed->operations[0];
  EXPECT_EQ(operation.communicator, "wor\"ld");
  EXPECT_EQ(operation.sequence, 7);
  EXPECT_EQ(operation.op, "AllReduce");
  EXPECT_EQ(operation.dtype, "float32");
  EXPECT_EQ(operation.tensors, 1);
  EXPECT_EQ(operation.elements, 107);
  EXPECT_EQ(operation.signature, 0xfedcba9876543210u);
  EXPECT_EQ(operation.state, FlightState::kFailed);
  EXPECT_EQ(operation.scheduled_ns, 10);
  EXPECT_EQ(operation.started_ns, 20);
  EXPECT_EQ(operation.ended_ns, 30);
}

TEST(FlightRecorderTest, BytesThatAreNoTextDoNotBreakTheFile) {
  FlightRecorder recorder(0, 1, 1);
  EXPECT_TRUE(
      ParseFlightDump(recorder.Snapshot("id \xff\xfe", 0).ToJson()).ok());
}

TEST(FlightRecorderTest, WritesAFile) {
  FlightRecorder recorder(2, 4, 10);
  recorder.AddCommunicator("world", 2, 4);
  const std::string path = ::testing::TempDir() + "/written.json";
  ASSERT_TRUE(recorder.Write(path, "first", 1).ok());
  ASSERT_TRUE(recorder.Write(path, "second", 2).ok());
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  const auto dump = ParseFlightDump(text.str());
  ASSERT_TRUE(dump.ok()) << dump.status();
  EXPECT_EQ(dump->reason, "second");
  EXPECT_FALSE(std::ifstream(path + ".partial").good());

  const absl::Status status =
      recorder.Write(::testing::TempDir() + "/no/such/folder", "", 0);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/no/such/folder"));
}

TEST(FlightDumpTest, RefusesWhatItDidNotWrite) {
  FlightRecorder recorder(0, 1, 1);
  recorder.Schedule(recorder.AddCommunicator("world", 0, 1), Reduce(0), 0);
  const std::string good = recorder.Snapshot("", 0).ToJson();
  ASSERT_TRUE(ParseFlightDump(good).ok());
  const auto refuses = [&](const std::string& from, const std::string& to,
                           const std::string& text) {
    const std::string bad = absl::StrReplaceAll(good, {{from, to}});
    ASSERT_NE(bad, good) << from;
    const absl::Status status = ParseFlightDump(bad).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << to;
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  };
  refuses("{", "[", "not JSON");
  refuses("\"schema_version\": 1", "\"schema_version\": 2",
          "schema_version is 2, expected 1");
  refuses("\"size\": 1", "\"seize\": 1", "the dump.size is missing");
  refuses("\"sequence\": 0", "\"sequence\": \"0\"",
          "operations[0].sequence is not an integer");
  refuses("\"scheduled\": 1", "\"scheduled\": 1.5",
          "communicators[0].scheduled is not an integer");
  refuses("\"state\": \"scheduled\"", "\"state\": \"lost\"",
          "operations[0].state is 'lost'");
  refuses("fedcba9876543210", "fedc", "operations[0].signature is 'fedc'");
  refuses("\"op\": \"AllReduce\"", "\"op\": 3", "op is not text");
  EXPECT_FALSE(ParseFlightDump("[]").ok());
  EXPECT_FALSE(ParseFlightDump("").ok());
}

TEST(FlightDumpTest, OperationsAsText) {
  FlightOperation operation;
  operation.sequence = 17;
  operation.op = "Barrier";
  EXPECT_EQ(operation.ToString(), "#17 Barrier");
  operation.op = "AllReduce";
  operation.dtype = "float32";
  operation.tensors = 1;
  operation.elements = 1048576;
  EXPECT_EQ(operation.ToString(), "#17 AllReduce float32[1048576]");
  operation.dtype = "mixed";
  operation.tensors = 3;
  EXPECT_EQ(operation.ToString(),
            "#17 AllReduce of 3 tensors, mixed[1048576] in all");
}

}  // namespace
}  // namespace parley
