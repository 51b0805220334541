// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/cpu/safetensors.h"

#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace parley {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class SafetensorsTest : public ::testing::Test {
 protected:
  std::string ErrorOf(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary) << bytes;
    const absl::Status status = ReadSafetensors(path_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path_ + ": "));
    return std::string(status.message().substr(path_.size() + 2));
  }

  // A length of 8 bytes and what follows.
  static std::string WithLength(uint64_t length, absl::string_view rest) {
    std::string bytes;
    for (int i = 0; i < 8; ++i) {
      bytes.push_back(static_cast<char>(length >> (8 * i)));
    }
    return absl::StrCat(bytes, rest);
  }

  const std::string path_ = ::testing::TempDir() + "/test.safetensors";
};

TEST_F(SafetensorsTest, WhatIsWrittenIsRead) {
  float floats[6] = {1, 2, 3, 4, 5, -0.0f};
  uint8_t bytes[3] = {7, 8, 9};
  double numbers[2] = {0.5, 0.25};
  const Safetensors content = {
      {{"format", "pt"}},
      {{"bytes", TensorView(bytes, DType::kUInt8, {3})},
       {"numbers", TensorView(numbers, DType::kFloat64, {2})},
       {"columns",
        *TensorView::Strided(floats, DType::kFloat32, {3, 2}, {1, 3})},
       {"none", TensorView(nullptr, DType::kFloat32, {0, 4})}}};
  ASSERT_TRUE(WriteSafetensors(path_, content).ok());
  const auto file = ReadSafetensors(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->content.metadata, ElementsAre(Pair("format", "pt")));
  std::vector<std::string> seen;
  for (const NamedTensor& named : file->content.tensors) {
    seen.push_back(absl::StrCat(named.name, " ", named.tensor.ToString()));
    // Also behind a tensor of three bytes.
    EXPECT_EQ(reinterpret_cast<uintptr_t>(named.tensor.data()) % 8, 0u);
  }
  EXPECT_THAT(seen, ElementsAre("bytes uint8[3]", "numbers float64[2]",
                                "columns float32[3,2]", "none float32[0,4]"));
  const auto* read =
      static_cast<double*>(file->content.tensors[1].tensor.data());
  EXPECT_EQ(read[0] + read[1], 0.75);
  float values[6];
  std::memcpy(values, file->content.tensors[2].tensor.data(), sizeof(values));
  EXPECT_THAT(values, ElementsAre(1, 4, 2, 5, 3, 0));
}

TEST_F(SafetensorsTest, LengthsThatCannotBe) {
  EXPECT_EQ(ErrorOf(""), "shorter than the length of a header");
  EXPECT_EQ(ErrorOf("1234567"), "shorter than the length of a header");
  EXPECT_EQ(ErrorOf(WithLength(3, "{}")),
            "the header: 3 bytes, but 2 are left");
  for (uint64_t length :
       {uint64_t{100'000'001}, uint64_t{1} << 63, ~uint64_t{0}, ~uint64_t{7}}) {
    EXPECT_EQ(ErrorOf(WithLength(length, "{}")),
              absl::StrCat("the header: ", length,
                           " bytes, must be at most 100000000"));
  }
  EXPECT_EQ(ErrorOf(WithLength(2, "{}1")),
            "1 bytes behind the last tensor are no tensor's");
}

// The format's limit, whatever the file has. The file is sparse.
TEST_F(SafetensorsTest, AHeaderOf200MegabytesIsRefusedUnread) {
  std::ofstream(path_, std::ios::binary) << WithLength(200'000'000, "{");
  ASSERT_EQ(truncate(path_.c_str(), 200'000'008), 0);
  EXPECT_EQ(ReadSafetensors(path_).status(),
            absl::DataLossError(
                path_ + ": the header: 200000000 bytes, must be at most "
                        "100000000"));
  ASSERT_EQ(truncate(path_.c_str(), 0), 0);
}

TEST_F(SafetensorsTest, TensorsOnGpusAreRefused) {
  float x = 0;
  const Safetensors content = {
      {}, {{"w", TensorView(&x, DType::kFloat32, 1, {DeviceKind::kCuda, 3})}}};
  EXPECT_EQ(WriteSafetensors(path_, content),
            absl::InvalidArgumentError(
                "tensor \"w\": is on cuda:3; must be on a CPU"));
}

}  // namespace
}  // namespace parley
