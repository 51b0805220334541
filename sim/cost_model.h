// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// CostModel: how long an operation takes once all ranks have arrived. The
// alpha-beta forms of the usual algorithms (Thakur, Rabenseifner, Gropp,
// "Optimization of Collective Communication Operations in MPICH", 2005), with
// two tiers of links. A pure function, in integer nanoseconds rounded up.
//
//   p ranks, n bytes, alpha = latency, beta = seconds per byte:
//   AllToAll    pairwise exchange: for each other rank, on its tier's link,
//               alpha + (n/p) beta
//   AllGather   ring: (p-1) (alpha + (n/p) beta)
//   AllReduce   ring: 2 (p-1) (alpha + (n/p) beta)
//   Broadcast   binomial tree: ceil(log2 p) (alpha + n beta)
//   Barrier     dissemination: ceil(log2 p) alpha
// where rings and trees are bound by the slowest link of the group.
#ifndef PARLEY_SIM_COST_MODEL_H_
#define PARLEY_SIM_COST_MODEL_H_

#include <cstdint>
#include <vector>

#include "parley/sim/options.h"

namespace parley::sim {

class CostModel {
 public:
  explicit CostModel(const WorldOptions& options) : options_(options) {}

  // Which host a rank of the world is on.
  int HostOf(int rank) const;

  // `group` lists ranks of the world; `bytes` is the size of the whole tensor
  // list on one rank (recv for AllGather).
  int64_t AllToAll(const std::vector<int>& group, int64_t bytes) const;
  int64_t AllGather(const std::vector<int>& group, int64_t bytes) const;
  int64_t AllReduce(const std::vector<int>& group, int64_t bytes) const;
  int64_t Broadcast(const std::vector<int>& group, int64_t bytes) const;
  int64_t Barrier(const std::vector<int>& group) const;

  // A kernel that moves `bytes`.
  int64_t Kernel(int64_t bytes) const;

 private:
  const Link& SlowestLink(const std::vector<int>& group) const;

  WorldOptions options_;
};

}  // namespace parley::sim

#endif  // PARLEY_SIM_COST_MODEL_H_
