// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/testing/run_ranks.h"

#include "gtest/gtest.h"

namespace parley::sim::testing {

Report RunRanks(const WorldOptions& options,
                const std::function<absl::Status(RankContext&)>& body) {
  return RunTwice(options, [&body](const WorldOptions& world) {
    return World(world).Run(body);
  });
}

Report RunTwice(const WorldOptions& options,
                const std::function<Report(const WorldOptions&)>& run) {
  WorldOptions serial = options;
  serial.max_parallel = 1;
  const Report first = run(serial);
  EXPECT_TRUE(first.status.ok()) << "one rank at a time: " << first;

  WorldOptions parallel = options;
  parallel.max_parallel = 0;
  Report second = run(parallel);
  EXPECT_TRUE(second.status.ok()) << "all ranks at once: " << second;
  EXPECT_EQ(first.trace_hash, second.trace_hash)
      << "the run depends on which thread is faster, or on a wall clock";
  return second;
}

}  // namespace parley::sim::testing
