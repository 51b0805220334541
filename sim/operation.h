// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Entry and Operation: one rank's call of a collective, and the collective that
// the calls of all ranks make up.
#ifndef PARLEY_SIM_OPERATION_H_
#define PARLEY_SIM_OPERATION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "parley/comm/communicator.h"
#include "parley/sim/completion.h"

namespace parley::sim {

class Group;
class StreamState;

enum class OpKind : uint8_t {
  kAllToAll,
  kAllGather,
  kBroadcast,
  kAllReduce,
  kBarrier,
  kSplit,
  kShrink,
};

absl::string_view Name(OpKind kind);

// A dense tensor, as bytes move.
struct Buffer {
  unsigned char* data;
  int64_t count;
  DType dtype;

  int64_t bytes() const { return count * SizeOf(dtype); }
};

// One rank's call.
struct Entry {
  RankState* rank = nullptr;
  Group* group = nullptr;
  int member = 0;         // the rank's place in the group
  uint64_t sequence = 0;  // of the call on its communicator
  StreamState* stream = nullptr;
  Completion* completion = nullptr;  // holds a reference

  OpKind kind = OpKind::kBarrier;
  int root = 0;
  ReduceOp reduce = ReduceOp::kSum;
  std::vector<Buffer> send;
  std::vector<Buffer> recv;
  std::vector<int> ranks;  // kSplit: the group; kShrink: the excluded
  int64_t timeout_ns = kNever;

  int64_t posted_ns = 0;
  int64_t ready_ns = 0;  // when its stream had come to it
  bool guarded = false;  // outputs poisoned, inputs hashed
  uint64_t input_hash = 0;
  Group* made = nullptr;  // kSplit, kShrink: the new group, if any

  // The tensors that all ranks must agree on, with whole counts.
  const std::vector<Buffer>& Whole() const {
    return kind == OpKind::kAllGather ? recv : send;
  }
  int64_t WholeBytes() const;
};

// "count of tensor 1: rank 0 has 64, rank 3 has 65", or empty if the two calls
// agree.
std::string DescribeMismatch(const Entry& a, const Entry& b);

// Fills what the operation will write with a pattern and hashes what it reads.
void Guard(Entry& entry);

// Hash of what the operation reads on this rank.
uint64_t HashInputs(const Entry& entry);

// kFailedPrecondition, naming the buffer, if someone touched what Guard() left.
absl::Status CheckGuard(const Entry& entry);

class Operation final : public EventTarget, public Describable {
 public:
  static constexpr uint64_t kComplete = 0;
  static constexpr uint64_t kDeadline = 1;

  // Tags carry the generation, since operations come from a pool.
  uint64_t Tag(uint64_t what) const { return 2 * generation + what; }
  void OnEvent(int64_t time_ns, uint64_t tag) override;
  bool IsStale(uint64_t tag) const override { return tag / 2 != generation; }

  std::string DescribeWait(const RankState& rank) const override;

  // "AllToAll #4", "AllToAll #4 of {2,3}".
  std::string ToString() const;

  // The members that have not arrived; and as text, empty if all have.
  std::vector<int> Missing() const;
  std::string MissingNames() const;

  Group* group = nullptr;
  uint64_t generation = 0;
  uint64_t sequence = 0;
  OpKind kind = OpKind::kBarrier;
  std::vector<bool> expected;   // by member
  std::vector<Entry*> entries;  // by member; null: not arrived
  int num_expected = 0;
  int num_arrived = 0;
  int64_t deadline_ns = kNever;
  bool scheduled = false;
  int64_t start_ns = 0;
  int64_t end_ns = 0;
  std::string mismatch;  // empty: none seen
};

}  // namespace parley::sim

#endif  // PARLEY_SIM_OPERATION_H_
