// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/testing/pairwise.h"

#include <set>
#include <utility>

namespace parley::testing {
namespace {

// A value of a factor.
using Choice = std::pair<int, int>;

std::set<std::pair<Choice, Choice>> AllPairs(const std::vector<int>& factors) {
  std::set<std::pair<Choice, Choice>> pairs;
  const int n = static_cast<int>(factors.size());
  for (int f = 0; f < n; ++f) {
    for (int g = f + 1; g < n; ++g) {
      for (int a = 0; a < factors[f]; ++a) {
        for (int b = 0; b < factors[g]; ++b) pairs.insert({{f, a}, {g, b}});
      }
    }
  }
  return pairs;
}

// How many of `open` the cell has, factors of value -1 left out.
int Covered(const std::set<std::pair<Choice, Choice>>& open,
            const std::vector<int>& cell) {
  int count = 0;
  const int n = static_cast<int>(cell.size());
  for (int f = 0; f < n; ++f) {
    for (int g = f + 1; g < n; ++g) {
      if (cell[f] < 0 || cell[g] < 0) continue;
      count += static_cast<int>(open.count({{f, cell[f]}, {g, cell[g]}}));
    }
  }
  return count;
}

}  // namespace

std::vector<std::vector<int>> PairwiseCover(const std::vector<int>& factors) {
  std::set<std::pair<Choice, Choice>> open = AllPairs(factors);
  std::vector<std::vector<int>> cells;
  const int n = static_cast<int>(factors.size());
  while (!open.empty()) {
    std::vector<int> cell(factors.size(), -1);
    const auto [first, second] = *open.begin();
    cell[first.first] = first.second;
    cell[second.first] = second.second;
    for (int f = 0; f < n; ++f) {
      if (cell[f] >= 0) continue;
      int best = 0;
      int best_count = -1;
      for (int value = 0; value < factors[f]; ++value) {
        cell[f] = value;
        const int count = Covered(open, cell);
        if (count > best_count) {
          best = value;
          best_count = count;
        }
      }
      cell[f] = best;
    }
    for (int f = 0; f < n; ++f) {
      for (int g = f + 1; g < n; ++g) {
        open.erase({{f, cell[f]}, {g, cell[g]}});
      }
    }
    cells.push_back(std::move(cell));
  }
  return cells;
}

std::vector<std::vector<int>> FullProduct(const std::vector<int>& factors) {
  std::vector<std::vector<int>> cells = {{}};
  for (int size : factors) {
    std::vector<std::vector<int>> longer;
    for (const std::vector<int>& cell : cells) {
      for (int value = 0; value < size; ++value) {
        longer.push_back(cell);
        longer.back().push_back(value);
      }
    }
    cells = std::move(longer);
  }
  return cells;
}

}  // namespace parley::testing
