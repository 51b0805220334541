// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/outer/plain_outer.h"

namespace parley {
namespace {

class Plain final : public OuterOptimizer {
 public:
  absl::Status Check() const override { return absl::OkStatus(); }
  Description Describe() const override {
    Description description;
    description.Set("kind", "plain");
    return description;
  }
  absl::Span<const absl::string_view> state() const override { return {}; }
  ElementwiseOp op() const override { return ElementwiseOp::kReset; }
  std::vector<double> scalars() const override { return {}; }
};

}  // namespace

std::shared_ptr<const OuterOptimizer> PlainOuter() {
  return std::make_shared<Plain>();
}

}  // namespace parley
