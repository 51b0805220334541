// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// PairwiseCover: few test cells out of a large product, such that every pair of
// values of two factors is in one of them. Most faults need no more than two
// things to come together (Kuhn, Wallace, Gallo, IEEE TSE 2004).
//
//   // Three factors, of 2, 3 and 4 values.
//   for (const std::vector<int>& cell : PairwiseCover({2, 3, 4})) { ... }
#ifndef PARLEY_COMM_TESTING_PAIRWISE_H_
#define PARLEY_COMM_TESTING_PAIRWISE_H_

#include <vector>

namespace parley::testing {

// One index per factor in each cell. Deterministic: greedy, first best.
std::vector<std::vector<int>> PairwiseCover(const std::vector<int>& factors);

// The whole product.
std::vector<std::vector<int>> FullProduct(const std::vector<int>& factors);

}  // namespace parley::testing

#endif  // PARLEY_COMM_TESTING_PAIRWISE_H_
