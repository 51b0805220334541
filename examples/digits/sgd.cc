// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/examples/digits/sgd.h"

#include <cstddef>

#ifdef __FAST_MATH__
#error "Reordered arithmetic has other bits: build without -ffast-math."
#endif

namespace parley::digits {

Sgd::Sgd(SgdOptions options, absl::Span<const Mlp::Tensor> tensors)
    : options_(options), tensors_(tensors.begin(), tensors.end()) {
  for (const Mlp::Tensor& tensor : tensors_) {
    velocities_.emplace_back(tensor.value.size(), 0.0f);
  }
}

void Sgd::Step() {
  for (size_t t = 0; t < tensors_.size(); ++t) {
    const Mlp::Tensor& tensor = tensors_[t];
    std::vector<float>& velocity = velocities_[t];
    for (size_t i = 0; i < velocity.size(); ++i) {
      velocity[i] = options_.momentum * velocity[i] + tensor.gradient[i];
      tensor.value[i] -= options_.learning_rate * velocity[i];
    }
  }
}

}  // namespace parley::digits
