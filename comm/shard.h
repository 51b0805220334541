// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// How a tensor is cut into one shard per rank: shard r of `count` elements over
// `size` ranks is [min(r*c, count), min((r+1)*c, count)) with
// c = ceil(count / size). AllToAll and AllGather use this layout, so that a
// tensor of any length goes through them; the last shards may be short or
// empty.
#ifndef PARLEY_COMM_SHARD_H_
#define PARLEY_COMM_SHARD_H_

#include <algorithm>
#include <cstdint>

namespace parley {

struct ShardRange {
  int64_t begin;
  int64_t count;
};

constexpr ShardRange ShardOf(int64_t count, int size, int rank) {
  const int64_t chunk = (count + size - 1) / size;
  const int64_t begin = std::min(rank * chunk, count);
  return {begin, std::min((rank + 1) * chunk, count) - begin};
}

}  // namespace parley

#endif  // PARLEY_COMM_SHARD_H_
