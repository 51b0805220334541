// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/cost_model.h"

#include <algorithm>

#include "absl/numeric/int128.h"

namespace parley::sim {
namespace {

// Nanoseconds that `bytes` take, rounded up.
int64_t TransferNs(int64_t bytes, int64_t bytes_per_second) {
  const absl::uint128 ns =
      (absl::uint128(bytes) * 1'000'000'000 + (bytes_per_second - 1)) /
      bytes_per_second;
  return static_cast<int64_t>(absl::Uint128Low64(ns));
}

int64_t MessageNs(const Link& link, int64_t bytes) {
  return absl::ToInt64Nanoseconds(link.latency) +
         TransferNs(bytes, link.bytes_per_second);
}

int64_t CeilLog2(int64_t n) {
  int64_t steps = 0;
  while ((int64_t{1} << steps) < n) ++steps;
  return steps;
}

int64_t ShardBytes(const std::vector<int>& group, int64_t bytes) {
  const auto p = static_cast<int64_t>(group.size());
  return (bytes + p - 1) / p;
}

}  // namespace

int CostModel::HostOf(int rank) const {
  // The first (ranks mod hosts) hosts have one rank more.
  const int base = options_.ranks / options_.hosts;
  const int larger = options_.ranks % options_.hosts;
  const int boundary = larger * (base + 1);
  if (rank < boundary) return rank / (base + 1);
  return larger + (rank - boundary) / base;
}

const Link& CostModel::SlowestLink(const std::vector<int>& group) const {
  // Groups are ascending and hosts contiguous, so the ends tell.
  return HostOf(group.front()) == HostOf(group.back()) ? options_.intra_host
                                                       : options_.inter_host;
}

int64_t CostModel::AllToAll(const std::vector<int>& group,
                            int64_t bytes) const {
  // All ranks finish together, so the rank with most remote peers decides: one
  // on the host that has fewest members.
  int64_t smallest = static_cast<int64_t>(group.size());
  for (size_t begin = 0; begin < group.size();) {
    size_t end = begin;
    while (end < group.size() && HostOf(group[end]) == HostOf(group[begin])) {
      ++end;
    }
    smallest = std::min(smallest, static_cast<int64_t>(end - begin));
    begin = end;
  }
  const int64_t shard = ShardBytes(group, bytes);
  const int64_t remote = static_cast<int64_t>(group.size()) - smallest;
  return (smallest - 1) * MessageNs(options_.intra_host, shard) +
         remote * MessageNs(options_.inter_host, shard);
}

int64_t CostModel::AllGather(const std::vector<int>& group,
                             int64_t bytes) const {
  const auto p = static_cast<int64_t>(group.size());
  return (p - 1) * MessageNs(SlowestLink(group), ShardBytes(group, bytes));
}

int64_t CostModel::AllReduce(const std::vector<int>& group,
                             int64_t bytes) const {
  return 2 * AllGather(group, bytes);
}

int64_t CostModel::Broadcast(const std::vector<int>& group,
                             int64_t bytes) const {
  return CeilLog2(static_cast<int64_t>(group.size())) *
         MessageNs(SlowestLink(group), bytes);
}

int64_t CostModel::Barrier(const std::vector<int>& group) const {
  return CeilLog2(static_cast<int64_t>(group.size())) *
         MessageNs(SlowestLink(group), 0);
}

int64_t CostModel::Kernel(int64_t bytes) const {
  return TransferNs(bytes, options_.kernel_bytes_per_second);
}

}  // namespace parley::sim
