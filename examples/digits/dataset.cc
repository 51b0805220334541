// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/examples/digits/dataset.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "parley/base/status_macros.h"
#include "parley/examples/digits/embedded_csv.h"

namespace parley::digits {
namespace {

constexpr int kMaxPixel = 16;

// Text from a file, fit for an error message of one line.
std::string Quoted(absl::string_view text) {
  constexpr size_t kMaxShown = 32;
  const bool cut = text.size() > kMaxShown;
  return absl::StrCat("'", absl::CHexEscape(text.substr(0, kMaxShown)),
                      cut ? "...'" : "'");
}

absl::Status ParseLine(absl::string_view line, Dataset& data) {
  const std::vector<absl::string_view> fields = absl::StrSplit(line, ',');
  if (fields.size() != kPixels + 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected 65 values (64 pixels and the digit), got ",
                     fields.size(), ": ", Quoted(line)));
  }
  for (int i = 0; i < kPixels; ++i) {
    int pixel;
    if (!absl::SimpleAtoi(fields[i], &pixel) || pixel < 0 ||
        pixel > kMaxPixel) {
      return absl::InvalidArgumentError(
          absl::StrCat("value ", i + 1, " is ", Quoted(fields[i]),
                       ", expected a pixel in 0..", kMaxPixel));
    }
    data.pixels.push_back(static_cast<float>(pixel) / kMaxPixel);
  }
  int label;
  if (!absl::SimpleAtoi(fields[kPixels], &label) || label < 0 ||
      label >= kClasses) {
    return absl::InvalidArgumentError(
        absl::StrCat("value 65 is ", Quoted(fields[kPixels]),
                     ", expected a digit in 0..", kClasses - 1));
  }
  data.labels.push_back(static_cast<uint8_t>(label));
  return absl::OkStatus();
}

void Shuffle(std::vector<int>& values, Random& random) {
  for (size_t i = values.size(); i > 1; --i) {
    std::swap(values[i - 1], values[random.Uniform(i)]);
  }
}

std::vector<int> Sequence(int size) {
  std::vector<int> result(size);
  for (int i = 0; i < size; ++i) result[i] = i;
  return result;
}

Dataset Select(const Dataset& all, absl::Span<const int> indices) {
  Dataset result;
  for (int i : indices) {
    result.pixels.insert(result.pixels.end(), all.image(i),
                         all.image(i) + kPixels);
    result.labels.push_back(all.labels[i]);
  }
  return result;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("cannot open ", path, ": ", std::strerror(errno)));
  }
  std::string text;
  char buffer[1 << 16];
  while (const size_t count = std::fread(buffer, 1, sizeof(buffer), file)) {
    text.append(buffer, count);
  }
  const int error = std::ferror(file) ? errno : 0;
  std::fclose(file);
  if (error != 0) {
    return absl::DataLossError(
        absl::StrCat("cannot read ", path, ": ", std::strerror(error)));
  }
  return text;
}

}  // namespace

absl::StatusOr<Dataset> LoadEmbedded() {
  return ParseCsv(absl::string_view(kEmbeddedCsv, kEmbeddedCsvSize));
}

absl::StatusOr<Dataset> ParseCsv(absl::string_view text) {
  Dataset data;
  int line_number = 0;
  while (!text.empty()) {
    ++line_number;
    const absl::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (absl::Status status = ParseLine(line, data); !status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", line_number, ": ", status.message()));
    }
  }
  if (data.size() == 0) return absl::InvalidArgumentError("no images");
  return data;
}

absl::StatusOr<Dataset> LoadFile(const std::string& path) {
  PARLEY_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  absl::StatusOr<Dataset> data = ParseCsv(text);
  if (!data.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", data.status().message()));
  }
  return data;
}

TrainTest SplitTrainTest(const Dataset& all, Random random) {
  std::vector<int> order = Sequence(all.size());
  Shuffle(order, random);
  const absl::Span<const int> shuffled = order;
  const size_t train_size = shuffled.size() * 4 / 5;
  return {Select(all, shuffled.first(train_size)),
          Select(all, shuffled.subspan(train_size))};
}

absl::StatusOr<std::vector<int>> ShardOfRank(const Dataset& data,
                                             Sharding sharding, int ranks,
                                             int rank) {
  if (rank < 0 || rank >= ranks) {
    return absl::InvalidArgumentError(
        absl::StrCat("rank ", rank, " is not one of ", ranks, " ranks"));
  }
  if (ranks > data.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        ranks, " ranks cannot share ", data.size(), " training images"));
  }
  std::vector<int> order = Sequence(data.size());
  if (sharding == Sharding::kLabel) {
    std::stable_sort(order.begin(), order.end(), [&data](int a, int b) {
      return data.labels[a] < data.labels[b];
    });
  }
  const int64_t size = data.size();
  return std::vector<int>(order.begin() + size * rank / ranks,
                          order.begin() + size * (rank + 1) / ranks);
}

BatchOrder::BatchOrder(std::vector<int> shard, int batch, Random random)
    : shard_(std::move(shard)),
      batch_(batch),
      next_(shard_.size()),
      random_(random) {}

absl::Span<const int> BatchOrder::Next() {
  for (int& image : batch_) {
    if (next_ == shard_.size()) {
      Shuffle(shard_, random_);
      next_ = 0;
    }
    image = shard_[next_++];
  }
  return batch_;
}

}  // namespace parley::digits
