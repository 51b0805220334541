// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_ROUTE_REPRODUCIBLE_MEAN_H_
#define PARLEY_AVERAGING_ROUTE_REPRODUCIBLE_MEAN_H_

#include "parley/averaging/route/route.h"

namespace parley {

// The mean over ranks in rank order, in float64, rounded once
// (docs/numerics.md); of integers in 128 bits. The same bits for any layout, on
// every backend and in every run. With one shard per rank (comm/shard.h):
//
//   tensor, or pieces packed into `stage`
//     | AllToAll: everyone's pieces of my shard
//   `exchange`
//     | Mean over ranks, in rank order
//   `stage`: my shard of the mean
//     | AllGather: everyone's shards
//   `exchange`: the whole mean
//
// Thread-safety: thread-safe; the route lives for ever.
const Route& ReproducibleMean();

}  // namespace parley

#endif  // PARLEY_AVERAGING_ROUTE_REPRODUCIBLE_MEAN_H_
