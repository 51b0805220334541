// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/cost_model.h"

#include <numeric>

#include "gtest/gtest.h"

namespace parley::sim {
namespace {

WorldOptions TwoHosts() {
  WorldOptions options;
  options.ranks = 8;
  options.hosts = 2;
  options.intra_host = {absl::Nanoseconds(100), 1'000'000'000};  // 1 ns/byte
  options.inter_host = {absl::Nanoseconds(1000), 100'000'000};   // 10 ns/byte
  return options;
}

std::vector<int> Ranks(int begin, int end) {
  std::vector<int> ranks(end - begin);
  std::iota(ranks.begin(), ranks.end(), begin);
  return ranks;
}

TEST(CostModelTest, HostsAreContiguousAndEven) {
  WorldOptions options = TwoHosts();
  options.ranks = 7;
  options.hosts = 3;
  const CostModel model(options);
  std::vector<int> hosts;
  for (int i = 0; i < 7; ++i) hosts.push_back(model.HostOf(i));
  EXPECT_EQ(hosts, (std::vector<int>{0, 0, 0, 1, 1, 2, 2}));
}

// The formulas of the header, by hand.
TEST(CostModelTest, InsideAHost) {
  const CostModel model(TwoHosts());
  const std::vector<int> group = Ranks(0, 4);
  EXPECT_EQ(model.AllToAll(group, 4000), 3 * (100 + 1000));
  EXPECT_EQ(model.AllGather(group, 4000), 3 * (100 + 1000));
  EXPECT_EQ(model.AllReduce(group, 4000), 6 * (100 + 1000));
  EXPECT_EQ(model.Broadcast(group, 4000), 2 * (100 + 4000));
  EXPECT_EQ(model.Barrier(group), 2 * 100);
}

TEST(CostModelTest, AcrossHosts) {
  const CostModel model(TwoHosts());
  const std::vector<int> group = Ranks(0, 8);
  EXPECT_EQ(model.AllToAll(group, 8000), 3 * (100 + 1000) + 4 * (1000 + 10000));
  EXPECT_EQ(model.AllGather(group, 8000), 7 * (1000 + 10000));
  EXPECT_EQ(model.Broadcast(group, 8000), 3 * (1000 + 80000));
  EXPECT_EQ(model.Barrier(group), 3 * 1000);
}

TEST(CostModelTest, OneRankCostsNothing) {
  const CostModel model(TwoHosts());
  const std::vector<int> group = {5};
  EXPECT_EQ(model.AllToAll(group, 8000), 0);
  EXPECT_EQ(model.AllGather(group, 8000), 0);
  EXPECT_EQ(model.Broadcast(group, 8000), 0);
  EXPECT_EQ(model.Barrier(group), 0);
}

// A fraction of a nanosecond counts as one, and large products do not overflow.
TEST(CostModelTest, RoundsUpAndDoesNotOverflow) {
  WorldOptions options;
  options.kernel_bytes_per_second = 3'000'000'000;
  const CostModel model(options);
  EXPECT_EQ(model.Kernel(1), 1);
  EXPECT_EQ(model.Kernel(3), 1);
  EXPECT_EQ(model.Kernel(4), 2);
  EXPECT_EQ(model.Kernel(int64_t{3} << 40), int64_t{1} << 40);
}

}  // namespace
}  // namespace parley::sim
