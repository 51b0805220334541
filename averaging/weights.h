// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_WEIGHTS_H_
#define PARLEY_AVERAGING_WEIGHTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace parley {

// The weights of a meeting, one per rank, as routes use them: ranks of weight 0
// are skipped, and weights that are all equal are no weights at all.
//
//   Weights weights(/*ranks=*/4);
//   weights.Set({2, 0, 2, 2});
//   weights.ranks();      // 0, 2, 3
//   weights.are_equal();  // true: of(0) is 1, sum() is 3
//
// Thread-safety: thread-compatible.
class Weights {
 public:
  // Takes the memory that Set() needs.
  explicit Weights(int ranks) {
    ranks_.reserve(static_cast<size_t>(ranks));
    values_.reserve(static_cast<size_t>(ranks));
    by_rank_.reserve(static_cast<size_t>(ranks));
  }

  // Bytes that the weights of `ranks` ranks take.
  static constexpr int64_t BytesOf(int64_t ranks) {
    return ranks * static_cast<int64_t>(sizeof(int) + 2 * sizeof(double));
  }

  // `weights`, one per rank, are finite, at least 0 and not all 0.
  void Set(absl::Span<const double> weights) {
    ranks_.clear();
    values_.clear();
    are_equal_ = true;
    for (size_t r = 0; r < weights.size(); ++r) {
      if (weights[r] == 0) continue;
      ranks_.push_back(static_cast<int>(r));
      values_.push_back(weights[r]);
      are_equal_ &= weights[r] == values_.front();
    }
    by_rank_.assign(weights.begin(), weights.end());
    sum_ = 0;
    for (double& weight : by_rank_) {
      if (are_equal_) weight = weight == 0 ? 0 : 1;
      sum_ += weight;
    }
  }

  // The ranks that count, ascending, and their weights.
  absl::Span<const int> ranks() const { return ranks_; }
  const double* values() const { return values_.data(); }

  // Whether all ranks that count have one weight, bit for bit.
  bool are_equal() const { return are_equal_; }

  // Of one rank, and of all: numbers of ranks where weights are equal. What
  // of() refers to stays in place until the next Set().
  const double& of(int rank) const {
    return by_rank_[static_cast<size_t>(rank)];
  }
  double sum() const { return sum_; }

 private:
  std::vector<int> ranks_;
  std::vector<double> values_;   // of ranks_
  std::vector<double> by_rank_;  // of all
  bool are_equal_ = true;
  double sum_ = 0;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_WEIGHTS_H_
