// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/examples/digits/dataset.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/base/hash.h"

namespace parley::digits {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

uint64_t Fingerprint(const Dataset& data) {
  uint64_t hash = 0;
  for (float pixel : data.pixels) {
    hash = HashCombine(hash, std::bit_cast<uint32_t>(pixel));
  }
  for (uint8_t label : data.labels) hash = HashCombine(hash, label);
  return hash;
}

Dataset Embedded() {
  absl::StatusOr<Dataset> data = LoadEmbedded();
  EXPECT_TRUE(data.ok()) << data.status();
  return *std::move(data);
}

// Two good lines, of which the test spoils the value at `field` of the second.
std::string CsvWith(int field, absl::string_view value) {
  std::vector<std::string> fields(kPixels + 1, "7");
  const std::string good = absl::StrJoin(fields, ",");
  fields[field] = std::string(value.data(), value.size());
  return absl::StrCat(good, "\n", absl::StrJoin(fields, ","), "\n");
}

std::string ErrorOf(absl::string_view text) {
  const absl::Status status = ParseCsv(text).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message().data(), status.message().size());
}

TEST(LoadEmbeddedTest, HasTheDocumentedImages) {
  const Dataset data = Embedded();
  EXPECT_EQ(data.size(), 1797);
  EXPECT_THAT(data.pixels, SizeIs(1797 * kPixels));
  EXPECT_EQ(Fingerprint(data), 0xb8bc041ddff1ddcc);
  std::array<int, kClasses> count = {};
  for (uint8_t label : data.labels) ++count[label];
  EXPECT_THAT(count,
              ElementsAre(178, 182, 177, 183, 181, 182, 181, 179, 174, 180));
}

TEST(ParseCsvTest, ScalesPixelsAndReadsTheDigitLast) {
  const absl::StatusOr<Dataset> data = ParseCsv(CsvWith(3, "16"));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->size(), 2);
  EXPECT_EQ(data->image(0)[3], 7.0f / 16);
  EXPECT_EQ(data->image(1)[3], 1.0f);
  EXPECT_THAT(data->labels, ElementsAre(7, 7));
}

TEST(ParseCsvTest, AcceptsCarriageReturnsAndNoNewlineAtTheEnd) {
  const std::string text = absl::StrJoin(
      absl::StrSplit(CsvWith(0, "7"), '\n', absl::SkipEmpty()), "\r\n");
  const absl::StatusOr<Dataset> data = ParseCsv(text);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->size(), 2);
}

TEST(ParseCsvTest, NamesTheLineAndTheValue) {
  EXPECT_EQ(ErrorOf(CsvWith(4, "17")),
            "line 2: value 5 is '17', expected a pixel in 0..16");
  EXPECT_EQ(ErrorOf(CsvWith(0, "-1")),
            "line 2: value 1 is '-1', expected a pixel in 0..16");
  EXPECT_EQ(ErrorOf(CsvWith(63, "")),
            "line 2: value 64 is '', expected a pixel in 0..16");
  EXPECT_EQ(ErrorOf(CsvWith(1, "1.5")),
            "line 2: value 2 is '1.5', expected a pixel in 0..16");
  EXPECT_EQ(ErrorOf(CsvWith(64, "10")),
            "line 2: value 65 is '10', expected a digit in 0..9");
}

TEST(ParseCsvTest, CountsTheValuesOfALine) {
  EXPECT_EQ(ErrorOf(CsvWith(0, "7,7")),
            "line 2: expected 65 values (64 pixels and the digit), got 66: "
            "'7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,...'");
  EXPECT_EQ(ErrorOf("hello\n"),
            "line 1: expected 65 values (64 pixels and the digit), got 1: "
            "'hello'");
  EXPECT_THAT(ErrorOf(absl::StrCat(CsvWith(0, "7"), "\n", CsvWith(0, "7"))),
              HasSubstr("line 3: expected 65 values"));
}

TEST(ParseCsvTest, ErrorsAreOneShortLine) {
  const std::string binary("\x1f\x8b\0\xff\r", 5);
  const std::string error = ErrorOf(CsvWith(2, binary));
  EXPECT_THAT(error, HasSubstr("'\\x1f\\x8b\\x00\\xff\\r'"));
  EXPECT_LT(ErrorOf(std::string(100000, 'x')).size(), 200u);
}

TEST(ParseCsvTest, RefusesAnEmptyText) { EXPECT_EQ(ErrorOf(""), "no images"); }

TEST(LoadFileTest, ReadsAFileAndNamesItInErrors) {
  const std::string path =
      absl::StrCat(::testing::TempDir(), "/dataset_test.csv");
  const auto write = [&path](const std::string& text) {
    std::FILE* file = std::fopen(path.c_str(), "wb");
    ASSERT_NE(file, nullptr);
    std::fwrite(text.data(), 1, text.size(), file);
    ASSERT_EQ(std::fclose(file), 0);
  };
  write(CsvWith(0, "7"));
  EXPECT_EQ(LoadFile(path)->size(), 2);
  write(CsvWith(0, "x"));
  EXPECT_EQ(LoadFile(path).status(),
            absl::InvalidArgumentError(absl::StrCat(
                path, ": line 2: value 1 is 'x', expected a pixel in 0..16")));
  std::remove(path.c_str());
  EXPECT_EQ(LoadFile(path).status(),
            absl::NotFoundError(absl::StrCat("cannot open ", path,
                                             ": No such file or directory")));
  EXPECT_EQ(LoadFile(::testing::TempDir()).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(SplitTrainTestTest, KeepsEveryImageOnce) {
  const Dataset all = Embedded();
  const TrainTest data = SplitTrainTest(all, Random(1));
  EXPECT_EQ(data.train.size(), 1437);
  EXPECT_EQ(data.test.size(), 360);
  const auto rows = [](const std::vector<const Dataset*>& parts) {
    std::vector<std::vector<float>> result;
    for (const Dataset* part : parts) {
      for (int i = 0; i < part->size(); ++i) {
        result.emplace_back(part->image(i), part->image(i) + kPixels);
        result.back().push_back(part->labels[i]);
      }
    }
    std::sort(result.begin(), result.end());
    return result;
  };
  EXPECT_EQ(rows({&data.train, &data.test}), rows({&all}));
}

TEST(SplitTrainTestTest, DependsOnTheGeneratorOnly) {
  const Dataset all = Embedded();
  EXPECT_EQ(Fingerprint(SplitTrainTest(all, Random(1)).test),
            0x7210b53d05ee137d);
  EXPECT_NE(Fingerprint(SplitTrainTest(all, Random(1)).test),
            Fingerprint(SplitTrainTest(all, Random(2)).test));
}

TEST(ShardOfRankTest, ShardsAreDisjointAndComplete) {
  const Dataset data = Embedded();
  std::vector<int> everything(data.size());
  std::iota(everything.begin(), everything.end(), 0);
  for (Sharding sharding : {Sharding::kIid, Sharding::kLabel}) {
    for (int ranks : {1, 2, 3, 8, 100, 1797}) {
      std::vector<int> seen;
      for (int rank = 0; rank < ranks; ++rank) {
        const std::vector<int> shard =
            *ShardOfRank(data, sharding, ranks, rank);
        EXPECT_LE(shard.size(), static_cast<size_t>(1797 / ranks + 1));
        EXPECT_GE(shard.size(), static_cast<size_t>(1797 / ranks));
        seen.insert(seen.end(), shard.begin(), shard.end());
      }
      std::sort(seen.begin(), seen.end());
      EXPECT_EQ(seen, everything) << ranks;
    }
  }
}

TEST(ShardOfRankTest, LabelShardsHoldFewDigits) {
  const Dataset data = SplitTrainTest(Embedded(), Random(1)).train;
  for (int rank = 0; rank < 8; ++rank) {
    uint8_t least = kClasses, most = 0;
    const std::vector<int> shard =
        *ShardOfRank(data, Sharding::kLabel, 8, rank);
    for (int i : shard) {
      least = std::min(least, data.labels[i]);
      most = std::max(most, data.labels[i]);
    }
    EXPECT_LE(most - least, 2) << rank;
  }
}

TEST(ShardOfRankTest, RefusesWhatCannotBeShared) {
  const Dataset data = *ParseCsv(CsvWith(0, "7"));
  EXPECT_EQ(ShardOfRank(data, Sharding::kIid, 3, 0).status(),
            absl::InvalidArgumentError("3 ranks cannot share 2 training "
                                       "images"));
  EXPECT_EQ(ShardOfRank(data, Sharding::kIid, 2, 2).status(),
            absl::InvalidArgumentError("rank 2 is not one of 2 ranks"));
  EXPECT_EQ(ShardOfRank(data, Sharding::kIid, 2, -1).status(),
            absl::InvalidArgumentError("rank -1 is not one of 2 ranks"));
}

TEST(BatchOrderTest, EachPassShowsEveryImageOnceInANewOrder) {
  const std::vector<int> shard = {10, 11, 12, 13, 14, 15, 16, 17};
  BatchOrder order(shard, 3, Random(1));
  std::vector<int> seen;
  for (int i = 0; i < 8; ++i) {
    const absl::Span<const int> batch = order.Next();
    ASSERT_THAT(batch, SizeIs(3));
    seen.insert(seen.end(), batch.begin(), batch.end());
  }
  std::vector<std::vector<int>> passes;
  for (int pass = 0; pass < 3; ++pass) {
    passes.emplace_back(seen.begin() + 8 * pass, seen.begin() + 8 * (pass + 1));
    EXPECT_THAT(passes.back(), ::testing::UnorderedElementsAreArray(shard));
  }
  EXPECT_NE(passes[0], shard);
  EXPECT_NE(passes[0], passes[1]);
  EXPECT_NE(passes[1], passes[2]);
}

TEST(BatchOrderTest, ABatchMayExceedTheShard) {
  BatchOrder order({5}, 3, Random(1));
  EXPECT_THAT(order.Next(), ElementsAre(5, 5, 5));
}

}  // namespace
}  // namespace parley::digits
