// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/checkpoint.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace parley {
namespace {

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
              HasSubstr("its name unique"));
  EXPECT_EQ(Read(path_), before);
}

}  // namespace
}  // namespace parley
