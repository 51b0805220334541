// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/storage_order.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace parley {

TensorView InStorageOrder(const TensorView& tensor) {
  if (tensor.IsDense()) return tensor.Slice(0, tensor.count());
  std::vector<std::pair<int64_t, int64_t>> dimensions;  // stride, size
  for (size_t d = 0; d < tensor.shape().size(); ++d) {
    dimensions.emplace_back(tensor.strides()[d], tensor.shape()[d]);
  }
  std::stable_sort(dimensions.begin(), dimensions.end(),
                   [](auto& a, auto& b) { return a.first > b.first; });
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
  for (const auto& [stride, size] : dimensions) {
    strides.push_back(stride);
    shape.push_back(size);
  }
  return *TensorView::Strided(tensor.data(), tensor.dtype(), shape, strides,
                              tensor.device());
}

}  // namespace parley
