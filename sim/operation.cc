// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/operation.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "parley/base/hash.h"
#include "parley/comm/shard.h"
#include "parley/sim/engine.h"
#include "parley/sim/group.h"

namespace parley::sim {
namespace {

// A NaN in every floating-point format, so that reading early shows.
constexpr unsigned char kPoison = 0xff;

absl::string_view Name(ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum:
      return "sum";
    case ReduceOp::kMin:
      return "min";
    case ReduceOp::kMax:
      return "max";
  }
  return "?";
}

template <typename T>
std::string Differ(absl::string_view what, const Entry& a, const T& in_a,
                   const Entry& b, const T& in_b) {
  return absl::StrCat(what, ": rank ", a.member, " has ", in_a, ", rank ",
                      b.member, " has ", in_b);
}

bool SameRange(const Buffer& a, const Buffer& b) { return a.data == b.data; }

// The parts of a rank's buffers that only the operation may write: calls
// visit(index, begin, bytes).
template <typename Visit>
void ForEachOutput(const Entry& entry, const Visit& visit) {
  switch (entry.kind) {
    case OpKind::kBroadcast:
      if (entry.member == entry.root) return;
      for (size_t i = 0; i < entry.send.size(); ++i) {
        visit(i, entry.send[i].data, entry.send[i].bytes());
      }
      return;
    case OpKind::kAllGather:
      for (size_t i = 0; i < entry.recv.size(); ++i) {
        const Buffer& recv = entry.recv[i];
        const ShardRange own =
            ShardOf(recv.count, entry.group->size(), entry.member);
        const int64_t size = SizeOf(recv.dtype);
        // The own shard may be the input, in place.
        visit(i, recv.data, own.begin * size);
        visit(i, recv.data + (own.begin + own.count) * size,
              (recv.count - own.begin - own.count) * size);
      }
      return;
    default:
      for (size_t i = 0; i < entry.recv.size(); ++i) {
        if (SameRange(entry.recv[i], entry.send[i])) continue;
        visit(i, entry.recv[i].data, entry.recv[i].bytes());
      }
  }
}

}  // namespace

absl::string_view Name(OpKind kind) {
  switch (kind) {
    case OpKind::kAllToAll:
      return "AllToAll";
    case OpKind::kAllGather:
      return "AllGather";
    case OpKind::kBroadcast:
      return "Broadcast";
    case OpKind::kAllReduce:
      return "AllReduce";
    case OpKind::kBarrier:
      return "Barrier";
    case OpKind::kSplit:
      return "Split";
    case OpKind::kShrink:
      return "Shrink";
  }
  return "?";
}

int64_t Entry::WholeBytes() const {
  int64_t bytes = 0;
  for (const Buffer& buffer : Whole()) bytes += buffer.bytes();
  return bytes;
}

std::string DescribeMismatch(const Entry& a, const Entry& b) {
  if (a.kind != b.kind) return Differ("op", a, Name(a.kind), b, Name(b.kind));
  const auto& in_a = a.Whole();
  const auto& in_b = b.Whole();
  if (in_a.size() != in_b.size()) {
    return Differ("number of tensors", a, in_a.size(), b, in_b.size());
  }
  for (size_t i = 0; i < in_a.size(); ++i) {
    if (in_a[i].dtype != in_b[i].dtype) {
      return Differ(absl::StrCat("dtype of tensor ", i), a,
                    parley::Name(in_a[i].dtype), b,
                    parley::Name(in_b[i].dtype));
    }
    if (in_a[i].count != in_b[i].count) {
      return Differ(absl::StrCat("count of tensor ", i), a, in_a[i].count, b,
                    in_b[i].count);
    }
  }
  if (a.root != b.root) return Differ("root", a, a.root, b, b.root);
  if (a.reduce != b.reduce) {
    return Differ("reduction", a, Name(a.reduce), b, Name(b.reduce));
  }
  return "";
}

uint64_t HashInputs(const Entry& entry) {
  uint64_t hash = 0;
  if (entry.kind == OpKind::kBroadcast && entry.member != entry.root) return 0;
  for (const Buffer& buffer : entry.send) {
    hash = HashBytes(buffer.data, static_cast<size_t>(buffer.bytes()), hash);
  }
  return hash;
}

void Guard(Entry& entry) {
  ForEachOutput(entry, [](size_t, unsigned char* begin, int64_t bytes) {
    if (bytes > 0) std::memset(begin, kPoison, static_cast<size_t>(bytes));
  });
  entry.input_hash = HashInputs(entry);
  entry.guarded = true;
}

namespace {

bool IsPoisoned(const unsigned char* begin, int64_t bytes) {
  return bytes == 0 ||
         (begin[0] == kPoison &&
          std::memcmp(begin, begin + 1, static_cast<size_t>(bytes - 1)) == 0);
}

}  // namespace

absl::Status CheckGuard(const Entry& entry) {
  if (HashInputs(entry) != entry.input_hash) {
    return absl::FailedPreconditionError(
        absl::StrCat("rank ", entry.member,
                     " wrote to an input before the operation had completed"));
  }
  absl::Status status;
  ForEachOutput(entry,
                [&](size_t i, const unsigned char* begin, int64_t bytes) {
                  if (!status.ok() || IsPoisoned(begin, bytes)) return;
                  status = absl::FailedPreconditionError(
                      absl::StrCat("rank ", entry.member, " wrote to output ",
                                   i, " before the operation had completed"));
                });
  return status;
}

void Operation::OnEvent(int64_t, uint64_t tag) {
  if (tag % 2 == kComplete) {
    group->Complete(this);
  } else {
    group->DeadlinePassed(this);
  }
  group->engine().Pump();
}

std::string Operation::ToString() const {
  return absl::StrCat(Name(kind), " #", sequence, group->Suffix());
}

std::vector<int> Operation::Missing() const {
  std::vector<int> missing;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] && entries[i] == nullptr) {
      missing.push_back(static_cast<int>(i));
    }
  }
  return missing;
}

std::string Operation::MissingNames() const {
  constexpr int kMaxNamed = 8;
  const std::vector<int> missing = Missing();
  if (missing.empty()) return "";
  std::string text = missing.size() == 1 ? "rank " : "ranks ";
  const size_t named = std::min<size_t>(missing.size(), kMaxNamed);
  absl::StrAppend(
      &text, absl::StrJoin(missing.begin(), missing.begin() + named, ", "));
  if (named < missing.size()) {
    absl::StrAppend(&text, " and ", missing.size() - named, " more");
  }
  return text;
}

std::string Operation::DescribeWait(const RankState&) const {
  const std::string missing = MissingNames();
  return absl::StrCat("waits in ", ToString(), " for ",
                      missing.empty() ? "its bytes to move" : missing);
}

}  // namespace parley::sim
