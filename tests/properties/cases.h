// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What the properties are about: a Case is what the result of meetings depends
// on, a Variation what it must not depend on. With RapidCheck's generators for
// both.
//
//   const Case drawn = *AnyCase();
//   const Variation variation = *AnyVariation();
//
// Thread-safety: thread-compatible, values.
#ifndef PARLEY_TESTS_PROPERTIES_CASES_H_
#define PARLEY_TESTS_PROPERTIES_CASES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <vector>

#include "parley/averaging/model_averager.h"
#include "parley/tests/properties/rapidcheck.h"
#include "parley/tests/properties/replica.h"

namespace parley::testing::properties {

// Meetings of one averager: what is wrong may show in the second only.
inline constexpr size_t kMeetings = 2;

struct Case {
  std::vector<TensorSpec> tensors;
  std::array<std::vector<double>, kMeetings> weights;  // one per rank
  uint64_t seed = 0;                                   // of the values

  size_t ranks() const { return weights[0].size(); }
};

struct Variation {
  uint64_t order_seed = 0;  // of tensors; 0 leaves them in order
  // The budget: this much of the model's size more than the least.
  int64_t extra_percent = 0;
  int max_parallel = 1;
  // Whether the values are still on their way when the meeting is asked for.
  bool on_a_stream = false;
  bool slow_kernels = false;
};

std::ostream& operator<<(std::ostream& out, const Case& shown);
std::ostream& operator<<(std::ostream& out, const Variation& shown);

// 1 to 17 ranks, tensors of all policies, dtypes and layouts, from empty to
// many buckets long, and weights of all kinds.
rc::Gen<Case> AnyCase();

// A bucket for each of five tensors, of which every other one sits out.
Case BucketsThatSitOut();

// Budgets from the least to much more than the model.
rc::Gen<Variation> AnyVariation();

}  // namespace parley::testing::properties

#endif  // PARLEY_TESTS_PROPERTIES_CASES_H_
