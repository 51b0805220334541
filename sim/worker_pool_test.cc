// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/worker_pool.h"

#include <vector>

#include "gtest/gtest.h"

namespace parley::sim {
namespace {

TEST(WorkerPoolTest, RunsEveryPieceOnce) {
  for (int threads : {1, 2, 4}) {
    WorkerPool pool(threads);
    for (int64_t count : {0, 1, 2, 3, 100}) {
      std::vector<int> calls(static_cast<size_t>(count));
      pool.Run(count, [&](int64_t i) { ++calls[static_cast<size_t>(i)]; });
      EXPECT_EQ(calls, std::vector<int>(static_cast<size_t>(count), 1));
    }
  }
}

// Back to back, so that a worker that is late for one job would disturb the
// next.
TEST(WorkerPoolTest, ManyShortJobs) {
  WorkerPool pool(3);
  int64_t sums[4] = {};
  for (int job = 0; job < 2000; ++job) {
    pool.Run(4, [&](int64_t i) { sums[i] += job; });
  }
  for (int64_t sum : sums) EXPECT_EQ(sum, 2000 * 1999 / 2);
}

}  // namespace
}  // namespace parley::sim
