// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_OUTER_NESTEROV_OUTER_H_
#define PARLEY_AVERAGING_OUTER_NESTEROV_OUTER_H_

#include <memory>

#include "parley/averaging/outer/outer_optimizer.h"

namespace parley {

struct NesterovOuterOptions {
  double learning_rate = 0.7;  // finite, more than 0
  double momentum = 0.9;       // in [0, 1)
};

// Nesterov's momentum on the outer gradient g, as torch.optim.SGD with nesterov
// and without dampening, and optax.sgd, define it; DiLoCo's outer optimizer,
// and its defaults (arXiv 2311.08105):
//
//   v = momentum * v + g
//   anchor = anchor - learning_rate * (g + momentum * v)
//
// Thread-safety: thread-safe.
std::shared_ptr<const OuterOptimizer> NesterovOuter(
    const NesterovOuterOptions& options = {});

}  // namespace parley

#endif  // PARLEY_AVERAGING_OUTER_NESTEROV_OUTER_H_
