// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/outer/nesterov_outer.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace parley {
namespace {

class Nesterov final : public OuterOptimizer {
 public:
  explicit Nesterov(const NesterovOuterOptions& options) : options_(options) {}

  absl::Status Check() const override {
    if (!(options_.learning_rate > 0 &&
          std::isfinite(options_.learning_rate))) {
      return absl::InvalidArgumentError(
          absl::StrCat("outer.learning_rate: ", options_.learning_rate,
                       ", must be finite and more than 0"));
    }
    if (!(options_.momentum >= 0 && options_.momentum < 1)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "outer.momentum: ", options_.momentum, ", must be in [0, 1)"));
    }
    return absl::OkStatus();
  }

  Description Describe() const override {
    Description description;
    description.Set("kind", "nesterov");
    description.Set("learning_rate", absl::StrCat(options_.learning_rate));
    description.Set("momentum", absl::StrCat(options_.momentum));
    return description;
  }

  absl::Span<const absl::string_view> state() const override {
    static constexpr absl::string_view kState[] = {"momentum"};
    return kState;
  }

  ElementwiseOp op() const override { return ElementwiseOp::kNesterov; }
  std::vector<double> scalars() const override {
    return {options_.learning_rate, options_.momentum};
  }

 private:
  const NesterovOuterOptions options_;
};

}  // namespace

std::shared_ptr<const OuterOptimizer> NesterovOuter(
    const NesterovOuterOptions& options) {
  return std::make_shared<Nesterov>(options);
}

}  // namespace parley
