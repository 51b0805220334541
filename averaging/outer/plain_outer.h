// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_OUTER_PLAIN_OUTER_H_
#define PARLEY_AVERAGING_OUTER_PLAIN_OUTER_H_

#include <memory>

#include "parley/averaging/outer/outer_optimizer.h"

namespace parley {

// The mean is the new model and the new anchor: plain averaging, for those who
// need an anchor all the same.
//
// Thread-safety: thread-safe.
std::shared_ptr<const OuterOptimizer> PlainOuter();

}  // namespace parley

#endif  // PARLEY_AVERAGING_OUTER_PLAIN_OUTER_H_
