// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Sgd: stochastic gradient descent with momentum, in PyTorch's form:
//
//   velocity = momentum * velocity + gradient
//   value -= learning_rate * velocity
//
// The velocity belongs to the rank: averaging models leaves it alone.
//
//   Sgd sgd({.learning_rate = 0.1, .momentum = 0.9}, model.tensors());
//   model.ComputeGradients(data, batch);
//   sgd.Step();
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_EXAMPLES_DIGITS_SGD_H_
#define PARLEY_EXAMPLES_DIGITS_SGD_H_

#include <vector>

#include "absl/types/span.h"
#include "parley/examples/digits/model.h"

namespace parley::digits {

struct SgdOptions {
  float learning_rate;
  float momentum;
};

class Sgd {
 public:
  // The tensors' memory must outlive the optimizer.
  Sgd(SgdOptions options, absl::Span<const Mlp::Tensor> tensors);

  // Updates every value from its gradient.
  void Step();

 private:
  const SgdOptions options_;
  const std::vector<Mlp::Tensor> tensors_;
  std::vector<std::vector<float>> velocities_;
};

}  // namespace parley::digits

#endif  // PARLEY_EXAMPLES_DIGITS_SGD_H_
