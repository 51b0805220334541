// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/options.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/sim/world.h"

namespace parley::sim {
namespace {

using ::testing::HasSubstr;

std::string Message(const WorldOptions& options) {
  const absl::Status status = Validate(options);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(WorldOptionsTest, RefusesWithFieldAndValue) {
  WorldOptions options;
  EXPECT_TRUE(Validate(options).ok());

  options.ranks = 0;
  EXPECT_THAT(Message(options), HasSubstr("ranks: 0"));
  options.ranks = 4;
  options.hosts = 5;
  EXPECT_THAT(Message(options), HasSubstr("hosts: 5"));
  options.hosts = 1;
  options.inter_host.bytes_per_second = -7;
  EXPECT_THAT(Message(options), HasSubstr("inter_host.bytes_per_second: -7"));
  options.inter_host.bytes_per_second = 1;
  options.intra_host.latency = absl::Nanoseconds(-1);
  EXPECT_THAT(Message(options), HasSubstr("intra_host.latency: -1"));
  options.intra_host.latency = absl::ZeroDuration();
  options.kernel_bytes_per_second = 0;
  EXPECT_THAT(Message(options), HasSubstr("kernel_bytes_per_second: 0"));
  options.kernel_bytes_per_second = 1;
  options.max_parallel = -1;
  EXPECT_THAT(Message(options), HasSubstr("max_parallel: -1"));
  options.max_parallel = 0;
  options.timeout = absl::ZeroDuration();
  EXPECT_THAT(Message(options), HasSubstr("timeout: 0"));
  options.timeout = absl::Seconds(1);
  options.stragglers = {{.rank = 4, .percent = 100}};
  EXPECT_THAT(Message(options), HasSubstr("stragglers.rank: 4"));
  options.stragglers = {{.rank = 0, .percent = -5}};
  EXPECT_THAT(Message(options), HasSubstr("stragglers.percent: -5"));
  options.stragglers.clear();
  options.faults = {{.rank = 9}};
  EXPECT_THAT(Message(options), HasSubstr("faults.rank: 9"));
  options.faults = {{.rank = 1, .at = absl::Nanoseconds(-2)}};
  EXPECT_THAT(Message(options), HasSubstr("faults.at: -2"));
}

// The world refuses them too, and runs nobody.
TEST(WorldOptionsTest, RunRefuses) {
  bool ran = false;
  const Report report = World({.ranks = -3}).Run([&](RankContext&) {
    ran = true;
    return absl::OkStatus();
  });
  EXPECT_THAT(std::string(report.status.message()), HasSubstr("ranks: -3"));
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace parley::sim
