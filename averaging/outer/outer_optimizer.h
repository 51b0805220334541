// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_OUTER_OUTER_OPTIMIZER_H_
#define PARLEY_AVERAGING_OUTER_OUTER_OPTIMIZER_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "parley/averaging/description.h"
#include "parley/device/kernels/elementwise_ops.h"

namespace parley {

// How the mean of the replicas becomes the new model. The outer gradient of a
// meeting is the anchor, which is the model that ranks last agreed on, less the
// mean of what they have now; an outer optimizer takes a step along it, from
// the anchor, and the result is the new model and the new anchor.
//
//   .outer = NesterovOuter({.learning_rate = 0.7, .momentum = 0.9})  // DiLoCo
//
// A step is one element-wise operation (device/kernels/elementwise_ops-inl.h),
// in float64, which writes the model, the anchor and all other state together:
// a bucket that fails keeps the old ones. Its operands are, in this order,
//
//   model  written
//   anchor updated
//   mean   read
//   and one more, updated, for each name of state()
//
// Every rank keeps all of the state and does the same steps, so it stays equal
// as it began. docs/extending.md says what a new optimizer needs.
//
// Thread-safety: immutable; all methods may be called by any thread.
class OuterOptimizer {
 public:
  virtual ~OuterOptimizer() = default;

  // kInvalidArgument, naming the field and its value, for what cannot be used.
  virtual absl::Status Check() const = 0;

  // All that a step depends on: what ranks compare and what a saved state is
  // checked against. The first field is the kind.
  virtual Description Describe() const = 0;

  // What is kept beside the anchor, which starts as zeros: {"momentum"}.
  virtual absl::Span<const absl::string_view> state() const = 0;

  virtual ElementwiseOp op() const = 0;
  virtual std::vector<double> scalars() const = 0;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_OUTER_OUTER_OPTIMIZER_H_
