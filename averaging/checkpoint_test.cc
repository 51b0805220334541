// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/checkpoint.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace parley {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void Write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

class CheckpointTest : public ::testing::Test {
 protected:
  SavedState State() {
    return {"{\"kind\":\"test\"}",
            {{"ema/weight", TensorView(floats_, DType::kFloat32, {2, 3})},
             {"columns",
              *TensorView::Strided(floats_, DType::kFloat32, {3, 2}, {1, 3})},
             {"bytes", TensorView(bytes_, DType::kUInt8, {3})},
             {"none", TensorView(nullptr, DType::kFloat64, {0, 4})}}};
  }

  const std::string path_ = ::testing::TempDir() + "/state.safetensors";
  float floats_[6] = {1, 2, 3, 4, 5, -0.0f};
  uint8_t bytes_[3] = {7, 8, 9};
};

TEST_F(CheckpointTest, WhatIsWrittenIsRead) {
  ASSERT_TRUE(WriteCheckpoint(path_, State()).ok());
  const auto read = ReadCheckpoint(path_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->state.description, State().description);
  ASSERT_EQ(read->state.tensors.size(), 4);
  const NamedTensor& weight = read->state.tensors[0];
  EXPECT_EQ(weight.name, "ema/weight");
  EXPECT_EQ(weight.tensor.ToString(), "float32[2,3]");
  EXPECT_EQ(std::memcmp(weight.tensor.data(), floats_, sizeof(floats_)), 0);
  const NamedTensor& columns = read->state.tensors[1];
  EXPECT_EQ(columns.tensor.ToString(), "float32[3,2]");
  float values[6];
  std::memcpy(values, columns.tensor.data(), sizeof(values));
  EXPECT_THAT(values, ElementsAre(1, 4, 2, 5, 3, 0));
  EXPECT_EQ(read->state.tensors[3].tensor.ToString(), "float64[0,4]");
}

// The layout that Python's safetensors expects: a length, a table, the data.
TEST_F(CheckpointTest, TheFormatIsSafetensors) {
  ASSERT_TRUE(WriteCheckpoint(path_, State()).ok());
  const std::string file = Read(path_);
  const size_t length = static_cast<unsigned char>(file[0]) +
                        256 * static_cast<unsigned char>(file[1]);
  EXPECT_EQ(length % 8, 0);
  EXPECT_EQ(file.size(), 8 + length + 24 + 24 + 3);
  const std::string header = file.substr(8, length);
  EXPECT_THAT(header,
              HasSubstr("\"ema/weight\":{\"dtype\":\"F32\",\"shape\":[2,"
                        "3],\"data_offsets\":[0,24]}"));
  EXPECT_THAT(header, HasSubstr("\"bytes\":{\"dtype\":\"U8\",\"shape\":[3],"
                                "\"data_offsets\":[48,51]}"));
  EXPECT_THAT(header, HasSubstr("{\"__metadata__\":{"));
}

TEST_F(CheckpointTest, EveryFlippedBitIsFound) {
  ASSERT_TRUE(WriteCheckpoint(path_, State()).ok());
  const std::string good = Read(path_);
  const std::string bad_path = path_ + ".bad";
  for (size_t i = 0; i < good.size(); ++i) {
    for (int bit : {0, 3, 7}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      Write(bad_path, bad);
      const auto read = ReadCheckpoint(bad_path);
      // Padding may become other whitespace, which means the same.
      if (!read.ok()) {
        EXPECT_EQ(read.status().code(), absl::StatusCode::kDataLoss);
        EXPECT_THAT(std::string(read.status().message()), HasSubstr(bad_path));
      } else {
        EXPECT_EQ(good[i], ' ') << i;
      }
    }
  }
  for (size_t size = 0; size < good.size(); ++size) {
    Write(bad_path, good.substr(0, size));
    EXPECT_FALSE(ReadCheckpoint(bad_path).ok()) << size;
  }
}

TEST_F(CheckpointTest, AFailedWriteLeavesTheOldFile) {
  EXPECT_EQ(WriteCheckpoint("/nowhere/at/all", State()).code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadCheckpoint("/nowhere/at/all").status().code(),
            absl::StatusCode::kNotFound);
  ASSERT_TRUE(WriteCheckpoint(path_, State()).ok());
  const std::string before = Read(path_);
  SavedState bad = State();
  bad.tensors.push_back(
      {"gpu", TensorView(floats_, DType::kFloat32, 2, {DeviceKind::kCuda, 0})});
  EXPECT_THAT(std::string(WriteCheckpoint(path_, bad).message()),
              HasSubstr("tensor \"gpu\": is on cuda:0"));
  bad.tensors.back() = bad.tensors.front();
  EXPECT_THAT(std::string(WriteCheckpoint(path_, bad).message()),
              HasSubstr("tensor \"ema/weight\": the name is used twice"));
  EXPECT_EQ(Read(path_), before);
}

// A disk that is full, played by a limit on the size of files: bytes have been
// written by then.
TEST_F(CheckpointTest, AWriteThatFailsHalfWayLeavesTheOldFile) {
  ASSERT_TRUE(WriteCheckpoint(path_, State()).ok());
  const std::string before = Read(path_);
  std::vector<float> large(100'000);
  SavedState larger = State();
  larger.tensors.push_back({"large", TensorView::Of(absl::MakeSpan(large))});
  struct rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const struct rlimit unlimited = limit;
  limit.rlim_cur = 4096;
  std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  const absl::Status status = WriteCheckpoint(path_, larger);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
  std::signal(SIGXFSZ, SIG_DFL);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(path_), HasSubstr("File too large")));
  EXPECT_EQ(Read(path_), before);
  EXPECT_EQ(ReadCheckpoint(path_)->state.description, State().description);
}

// A wrong path at resume took the run down: a folder's size is no number of
// bytes, and a pipe that nobody writes never ends.
TEST_F(CheckpointTest, APathThatIsNoFileIsAnErrorAtOnce) {
  const std::string pipe = path_ + ".pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path :
       {::testing::TempDir(), std::string("/proc"), pipe}) {
    const absl::Status read = ReadCheckpoint(path).status();
    EXPECT_EQ(read.code(), absl::StatusCode::kInvalidArgument) << read;
    EXPECT_THAT(std::string(read.message()),
                AllOf(HasSubstr(path), HasSubstr("must be an ordinary file")));
    EXPECT_EQ(WriteCheckpoint(path, State()), read);
  }
  // Of the system's, with a size that is not theirs.
  const absl::Status status = ReadCheckpoint("/proc/self/status").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  ASSERT_EQ(unlink(pipe.c_str()), 0);
}

// A file with this header, padded, and the data of `like`.
std::string WithHeader(const std::string& like, std::string header) {
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string file;
  for (int i = 0; i < 8; ++i) {
    file.push_back(static_cast<char>(header.size() >> (8 * i)));
  }
  const size_t length = static_cast<unsigned char>(like[0]) +
                        256 * static_cast<unsigned char>(like[1]);
  return absl::StrCat(file, header, like.substr(8 + length));
}

TEST_F(CheckpointTest, HostileFilesAreDamaged) {
  ASSERT_TRUE(WriteCheckpoint(path_, State()).ok());
  const std::string good = Read(path_);
  const auto error = [&](const std::string& bytes) {
    Write(path_, bytes);
    const absl::Status status = ReadCheckpoint(path_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path_ + ": "));
    return std::string(status.message());
  };
  EXPECT_THAT(error(good + std::string(16, 'x')),
              HasSubstr("16 bytes behind the last tensor are no tensor's"));
  EXPECT_THAT(error(WithHeader(good, std::string(100'000, '['))),
              HasSubstr("must be a JSON object"));
  EXPECT_THAT(error(WithHeader(good, "{\"w\":" + std::string(100'000, '['))),
              HasSubstr("tensor \"w\": is a list"));
  EXPECT_THAT(error(WithHeader(std::string(8, '\0'), "{}")),
              HasSubstr("parley.version: \"\" in the file, \"1\" here"));
  // The last byte of the length: 2^63 bytes more.
  std::string huge = good;
  huge[7] = '\x80';
  EXPECT_THAT(error(huge), HasSubstr("must be at most 100000000"));
}

// Where tensors lie in a file is not what the file says.
TEST_F(CheckpointTest, KeysInAnotherOrderThanOffsetsAreRead) {
  uint8_t first[2] = {1, 2};
  uint8_t second[2] = {3, 4};
  const SavedState state = {
      "d",
      {{"first", TensorView(first, DType::kUInt8, {2})},
       {"second", TensorView(second, DType::kUInt8, {2})}}};
  ASSERT_TRUE(WriteCheckpoint(path_, state).ok());
  std::string file = Read(path_);
  file = absl::StrReplaceAll(file, {{"[0,2]", "[2,4]"},
                                    {"[2,4]", "[0,2]"},
                                    {"\x01\x02\x03\x04", "\x03\x04\x01\x02"}});
  ASSERT_EQ(file.substr(file.size() - 4), "\x03\x04\x01\x02");
  Write(path_, file);
  const auto read = ReadCheckpoint(path_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->state.tensors[0].name, "first");
  EXPECT_EQ(std::memcmp(read->state.tensors[0].tensor.data(), first, 2), 0);
  EXPECT_EQ(std::memcmp(read->state.tensors[1].tensor.data(), second, 2), 0);
}

}  // namespace
}  // namespace parley
