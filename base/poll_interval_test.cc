// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/base/poll_interval.h"

#include "gtest/gtest.h"

namespace parley {
namespace {

TEST(PollIntervalTest, LooksEagerlyThenSleepsLongerAndLonger) {
  PollInterval interval;
  for (int look = 0; look < 16; ++look) EXPECT_EQ(interval.NextNs(), 0) << look;
  for (int64_t ns = 10'000; ns < 1'000'000; ns *= 2) {
    EXPECT_EQ(interval.NextNs(), ns);
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(interval.NextNs(), 1'000'000);
}

}  // namespace
}  // namespace parley
