// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Dataset: labelled images of handwritten digits, 8x8 pixels each, and how they
// are split into a training and a test set and dealt out to ranks. See
// data/ORIGIN.md for where the embedded 1,797 images come from.
//
//   PARLEY_ASSIGN_OR_RETURN(Dataset all, LoadEmbedded());
//   const TrainTest data = SplitTrainTest(all, Random(seed).Fork("split"));
//   PARLEY_ASSIGN_OR_RETURN(
//       std::vector<int> mine,
//       ShardOfRank(data.train, Sharding::kLabel, /*ranks=*/8, rank));
//   BatchOrder order(mine, /*batch=*/8, Random(seed).Fork("batches", rank));
//   absl::Span<const int> batch = order.Next();
//
// Guarantees: equal arguments give equal results on every machine.
// Thread-safety: thread-compatible.
#ifndef PARLEY_EXAMPLES_DIGITS_DATASET_H_
#define PARLEY_EXAMPLES_DIGITS_DATASET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "parley/base/random.h"

namespace parley::digits {

inline constexpr int kPixels = 64;
inline constexpr int kClasses = 10;

struct Dataset {
  // kPixels values in [0, 1] for each image, row by row.
  std::vector<float> pixels;
  // One value in [0, kClasses) for each image.
  std::vector<uint8_t> labels;

  int size() const { return static_cast<int>(labels.size()); }
  const float* image(int i) const { return &pixels[i * kPixels]; }
};

// The images linked into the program.
absl::StatusOr<Dataset> LoadEmbedded();

// Images as comma-separated text: on each line 64 pixel values in 0..16, then
// the digit. kInvalidArgument names the first line that is anything else.
absl::StatusOr<Dataset> ParseCsv(absl::string_view text);

// ParseCsv() of a file. Errors name it.
absl::StatusOr<Dataset> LoadFile(const std::string& path);

struct TrainTest {
  Dataset train;
  Dataset test;
};

// Shuffles, then gives four fifths to training (rounded down: 1,437 of 1,797)
// and the rest to testing.
TrainTest SplitTrainTest(const Dataset& all, Random random);

enum class Sharding {
  kIid,    // Ranks see the same distribution.
  kLabel,  // Sorted by label first: a rank sees few of the digits.
};

// The images of `data` that belong to `rank`: disjoint over the ranks, complete
// together, and equal in number up to one. `data` is expected to be shuffled.
// kInvalidArgument if there are fewer images than ranks, or no such rank.
absl::StatusOr<std::vector<int>> ShardOfRank(const Dataset& data,
                                             Sharding sharding, int ranks,
                                             int rank);

// An endless sequence of mini-batches: passes over a shard, each in an order of
// its own. A batch may span two passes, so every batch has the same size.
class BatchOrder {
 public:
  // Requires a shard that is not empty and batch > 0.
  BatchOrder(std::vector<int> shard, int batch, Random random);

  // The images of the next mini-batch, valid until the next call.
  absl::Span<const int> Next();

 private:
  std::vector<int> shard_;
  std::vector<int> batch_;
  size_t next_;
  Random random_;
};

}  // namespace parley::digits

#endif  // PARLEY_EXAMPLES_DIGITS_DATASET_H_
