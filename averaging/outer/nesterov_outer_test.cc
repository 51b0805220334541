// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/outer/nesterov_outer.h"

#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace parley {
namespace {

std::string ErrorOf(const NesterovOuterOptions& options) {
  return std::string(NesterovOuter(options)->Check().message());
}

TEST(NesterovOuterTest, DefaultsAreDiLoCos) {
  EXPECT_TRUE(NesterovOuter()->Check().ok());
  EXPECT_EQ(ToString(NesterovOuter()->Describe()),
            "nesterov, learning_rate 0.7, momentum 0.9");
}

TEST(NesterovOuterTest, BadOptionsAreRefusedWithTheValue) {
  EXPECT_EQ(ErrorOf({.learning_rate = 0}),
            "outer.learning_rate: 0, must be finite and more than 0");
  EXPECT_EQ(ErrorOf({.learning_rate = -0.7}),
            "outer.learning_rate: -0.7, must be finite and more than 0");
  EXPECT_EQ(ErrorOf({.learning_rate = std::numeric_limits<double>::infinity()}),
            "outer.learning_rate: inf, must be finite and more than 0");
  EXPECT_EQ(
      ErrorOf({.learning_rate = std::numeric_limits<double>::quiet_NaN()}),
      "outer.learning_rate: nan, must be finite and more than 0");
  EXPECT_EQ(ErrorOf({.momentum = -0.1}),
            "outer.momentum: -0.1, must be in [0, 1)");
  EXPECT_EQ(ErrorOf({.momentum = 1}), "outer.momentum: 1, must be in [0, 1)");
  EXPECT_EQ(ErrorOf({.momentum = std::numeric_limits<double>::quiet_NaN()}),
            "outer.momentum: nan, must be in [0, 1)");
}

}  // namespace
}  // namespace parley
