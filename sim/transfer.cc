// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/transfer.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "parley/comm/shard.h"
#include "parley/device/cpu/kernel_ranges.h"
#include "parley/sim/group.h"

namespace parley::sim {
namespace {

// Elements that one thread handles at a time: what stays in a core's cache.
constexpr int64_t kTile = 16 * 1024;

// Below this, handing work to other threads costs more than it saves.
constexpr int64_t kParallelBytes = 256 * 1024;

void Copy(unsigned char* to, const unsigned char* from, int64_t bytes) {
  if (bytes > 0 && to != from) {
    std::memcpy(to, from, static_cast<size_t>(bytes));
  }
}

// Calls piece(i) for i < count, on several threads if `bytes` are many.
template <typename Piece>
void ForEach(WorkerPool& pool, int64_t count, int64_t bytes,
             const Piece& piece) {
  if (bytes < kParallelBytes) {
    for (int64_t i = 0; i < count; ++i) piece(i);
  } else {
    pool.Run(count, piece);
  }
}

void AllToAll(const std::vector<Entry*>& entries, int to) {
  const int n = static_cast<int>(entries.size());
  Entry& target = *entries[to];
  for (size_t i = 0; i < target.recv.size(); ++i) {
    const Buffer& whole = target.send[i];
    const ShardRange shard = ShardOf(whole.count, n, to);
    const int64_t size = SizeOf(whole.dtype);
    const int64_t bytes = shard.count * size;
    if (bytes == 0) continue;
    for (int from = 0; from < n; ++from) {
      Copy(target.recv[i].data + from * bytes,
           entries[from]->send[i].data + shard.begin * size, bytes);
    }
  }
}

// Gathers elements [begin, end) of tensor `index` for one rank, and hands them
// on from there while they are in the cache. An input that lies at its place in
// the output gets the bits that it has.
void AllGatherTile(const std::vector<Entry*>& entries, size_t index,
                   int64_t begin, int64_t end) {
  const Buffer& first = entries[0]->recv[index];
  const int n = static_cast<int>(entries.size());
  const int64_t size = SizeOf(first.dtype);
  const int64_t chunk = ShardOf(first.count, n, 0).count;
  for (int64_t at = begin; at < end;) {
    const int64_t from = at / chunk;
    const int64_t stop = std::min(end, (from + 1) * chunk);
    Copy(first.data + at * size,
         entries[from]->send[index].data + (at - from * chunk) * size,
         (stop - at) * size);
    at = stop;
  }
  for (int to = 1; to < n; ++to) {
    Copy(entries[to]->recv[index].data + begin * size,
         first.data + begin * size, (end - begin) * size);
  }
}

void AllGather(const Operation& operation, WorkerPool& pool) {
  const std::vector<Entry*>& entries = operation.entries;
  for (size_t i = 0; i < entries[0]->recv.size(); ++i) {
    const Buffer& whole = entries[0]->recv[i];
    const int64_t tiles = (whole.count + kTile - 1) / kTile;
    ForEach(pool, tiles, whole.bytes() * operation.group->size(),
            [&](int64_t tile) {
              AllGatherTile(entries, i, tile * kTile,
                            std::min((tile + 1) * kTile, whole.count));
            });
  }
}

void Broadcast(const std::vector<Entry*>& entries, int to) {
  Entry& target = *entries[to];
  const Entry& root = *entries[target.root];
  for (size_t i = 0; i < target.send.size(); ++i) {
    Copy(target.send[i].data, root.send[i].data, target.send[i].bytes());
  }
}

// Reduces elements [begin, end) of tensor `index` and hands them to all ranks.
void AllReduceTile(const std::vector<Entry*>& entries, size_t index,
                   int64_t begin, int64_t end) {
  const Buffer& whole = entries[0]->send[index];
  const int64_t size = SizeOf(whole.dtype);
  std::vector<const void*> inputs;
  inputs.reserve(entries.size());
  for (Entry* entry : entries) {
    inputs.push_back(entry->send[index].data + begin * size);
  }
  std::vector<unsigned char> result(static_cast<size_t>((end - begin) * size));
  ReduceArgs args;
  args.dtype = whole.dtype;
  args.op = entries[0]->reduce;
  args.num_inputs = static_cast<int>(inputs.size());
  args.inputs = inputs.data();
  args.output = result.data();
  args.count = end - begin;
  ReduceRange(args, 0, args.count);
  for (Entry* entry : entries) {
    Copy(entry->recv[index].data + begin * size, result.data(),
         (end - begin) * size);
  }
}

void AllReduce(const Operation& operation, WorkerPool& pool) {
  const std::vector<Entry*>& entries = operation.entries;
  for (size_t i = 0; i < entries[0]->send.size(); ++i) {
    const Buffer& whole = entries[0]->send[i];
    const int64_t tiles = (whole.count + kTile - 1) / kTile;
    ForEach(pool, tiles, whole.bytes() * operation.group->size(),
            [&](int64_t tile) {
              AllReduceTile(entries, i, tile * kTile,
                            std::min((tile + 1) * kTile, whole.count));
            });
  }
}

using MoveToRank = void (*)(const std::vector<Entry*>& entries, int to);

void MoveToAll(const Operation& operation, WorkerPool& pool, MoveToRank move) {
  const int64_t n = operation.group->size();
  ForEach(pool, n, operation.entries[0]->WholeBytes() * n,
          [&](int64_t to) { move(operation.entries, static_cast<int>(to)); });
}

}  // namespace

void Transfer(const Operation& operation, WorkerPool& pool) {
  switch (operation.kind) {
    case OpKind::kAllToAll:
      return MoveToAll(operation, pool, AllToAll);
    case OpKind::kAllGather:
      return AllGather(operation, pool);
    case OpKind::kBroadcast:
      return MoveToAll(operation, pool, Broadcast);
    case OpKind::kAllReduce:
      return AllReduce(operation, pool);
    case OpKind::kBarrier:
    case OpKind::kSplit:
    case OpKind::kShrink:
      return;
  }
}

}  // namespace parley::sim
