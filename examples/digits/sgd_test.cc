// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/examples/digits/sgd.h"

#include <vector>

#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace parley::digits {
namespace {

using ::testing::ElementsAre;

TEST(SgdTest, AccumulatesVelocityPerParameter) {
  std::vector<float> value = {1, 2}, gradient = {1, -1};
  std::vector<float> other_value = {0}, other_gradient = {4};
  const Mlp::Tensor tensors[] = {
      {"a", absl::MakeSpan(value), absl::MakeSpan(gradient)},
      {"b", absl::MakeSpan(other_value), absl::MakeSpan(other_gradient)}};
  Sgd sgd({.learning_rate = 0.25f, .momentum = 0.5f}, tensors);

  sgd.Step();
  EXPECT_THAT(value, ElementsAre(0.75f, 2.25f));
  EXPECT_THAT(other_value, ElementsAre(-1));

  // velocities 0.5 * {1, -1} + {2, 0} and 0.5 * 4 + 0
  gradient = {2, 0};
  other_gradient = {0};
  sgd.Step();
  EXPECT_THAT(value, ElementsAre(0.75f - 0.25f * 2.5f, 2.25f + 0.25f * 0.5f));
  EXPECT_THAT(other_value, ElementsAre(-1.5f));
}

}  // namespace
}  // namespace parley::digits
