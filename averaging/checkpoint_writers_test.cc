// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// All ranks of a job that write one path, which they should not: each writes
// without an error, and who reads meanwhile has what one of them wrote.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/averaging/checkpoint.h"

namespace parley {
namespace {

using ::testing::ElementsAre;

constexpr int kWriters = 8;
constexpr int kWrites = 200;
constexpr size_t kBytes = size_t{1} << 20;

class CheckpointWritersTest : public ::testing::Test {
 protected:
  CheckpointWritersTest()
      : folder_(absl::StrCat(
            ::testing::TempDir(), "/",
            ::testing::UnitTest::GetInstance()->current_test_info()->name())),
        path_(folder_ + "/state.safetensors") {
    std::filesystem::create_directories(folder_);
  }
  ~CheckpointWritersTest() override { std::filesystem::remove_all(folder_); }

  // Writes the state of `writer`, a megabyte of it, again and again.
  absl::Status WriteMany(int writer) const {
    std::vector<uint8_t> bytes(kBytes, static_cast<uint8_t>(writer));
    const SavedState state = {absl::StrCat("of writer ", writer),
                              {{"w", TensorView::Of(absl::MakeSpan(bytes))}}};
    for (int i = 0; i < kWrites; ++i) {
      const absl::Status status = WriteCheckpoint(path_, state);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // Expects what one writer wrote.
  void ReadOnce() const {
    const auto read = ReadCheckpoint(path_);
    ASSERT_TRUE(read.ok()) << read.status();
    ASSERT_EQ(read->data.size(), kBytes);
    const char writer = read->data[0];
    EXPECT_EQ(read->state.description,
              absl::StrCat("of writer ", static_cast<int>(writer)));
    EXPECT_EQ(std::memcmp(&read->data[0], &read->data[1], kBytes - 1), 0);
  }

  // Only the file is left.
  void ExpectNothingElse() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      names.push_back(entry.path().filename().string());
    }
    EXPECT_THAT(names, ElementsAre("state.safetensors"));
  }

  const std::string folder_;
  const std::string path_;
};

// Before threads are started: processes are forked.
TEST_F(CheckpointWritersTest, AllProcessesWriteOnePath) {
  ASSERT_TRUE(WriteCheckpoint(path_, {"of writer 0", {}}).ok());
  std::vector<pid_t> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) _exit(WriteMany(writer).ok() ? 0 : 1);
    writers.push_back(child);
  }
  int reads = 0;
  for (const pid_t writer : writers) {
    int result = 0;
    while (waitpid(writer, &result, WNOHANG) == 0) {
      const auto read = ReadCheckpoint(path_);
      ASSERT_TRUE(read.ok()) << read.status();
      // The first of all is there until the first writer is through.
      if (!read->state.tensors.empty()) ReadOnce();
      ++reads;
    }
    EXPECT_TRUE(WIFEXITED(result) && WEXITSTATUS(result) == 0);
  }
  EXPECT_GT(reads, 0);
  ReadOnce();
  ExpectNothingElse();
}

TEST_F(CheckpointWritersTest, AllThreadsWriteOnePath) {
  std::vector<absl::Status> results(kWriters);
  std::atomic<int> running{kWriters};
  std::vector<std::thread> threads;
  for (int writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&, writer] {
      results[static_cast<size_t>(writer)] = WriteMany(writer);
      --running;
    });
  }
  while (running > 0) {
    if (std::filesystem::exists(path_)) ReadOnce();
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& result : results) EXPECT_TRUE(result.ok()) << result;
  ReadOnce();
  ExpectNothingElse();
}

}  // namespace
}  // namespace parley
