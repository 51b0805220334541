// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/engine.h"

#include <algorithm>
#include <numeric>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/base/hash.h"
#include "parley/comm/shard.h"
#include "parley/sim/operation.h"

namespace parley::sim {
namespace {

// Below this, handing work to other threads costs more than it saves.
constexpr int64_t kParallelBytes = 256 * 1024;

int PoolThreads(const WorldOptions& options) {
  const int cores =
      std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return options.max_parallel == 0 ? cores
                                   : std::min(cores, options.max_parallel);
}

// What a rank sends to and receives from others, in bytes.
void CountBytes(const Entry& entry, int64_t& sent, int64_t& received) {
  const int64_t n = entry.group->size();
  for (const Buffer& buffer : entry.Whole()) {
    const int64_t size = SizeOf(buffer.dtype);
    const int64_t all = buffer.bytes();
    const int64_t own =
        ShardOf(buffer.count, static_cast<int>(n), entry.member).count * size;
    switch (entry.kind) {
      case OpKind::kAllToAll:
        sent += all - own;
        received += (n - 1) * own;
        break;
      case OpKind::kAllGather:
        sent += (n - 1) * own;
        received += all - own;
        break;
      case OpKind::kBroadcast:
        (entry.member == entry.root ? sent : received) += n == 1 ? 0 : all;
        break;
      case OpKind::kAllReduce:
        sent += 2 * (all - all / n);
        received += 2 * (all - all / n);
        break;
      default:
        break;
    }
  }
}

}  // namespace

int64_t TimeoutNs(absl::Duration timeout) {
  return timeout >= absl::Nanoseconds(kNever)
             ? kNever
             : std::max<int64_t>(0, absl::ToInt64Nanoseconds(timeout));
}

RankState::RankState(Engine& engine, int index)
    : engine(engine), index(index), completions(*this) {}

Entry* RankState::TakeEntry() {
  MutexLock lock(&mutex_);
  if (free_entries_.empty()) {
    entries_.push_back(std::make_unique<Entry>());
    free_entries_.push_back(entries_.back().get());
    free_entries_.reserve(entries_.capacity());
  }
  Entry* entry = free_entries_.back();
  free_entries_.pop_back();
  entry->rank = this;
  entry->send.clear();
  entry->recv.clear();
  entry->ranks.clear();
  entry->root = 0;
  entry->reduce = ReduceOp::kSum;
  entry->guarded = false;
  entry->made = nullptr;
  return entry;
}

void RankState::ReturnEntry(Entry* entry) {
  MutexLock lock(&mutex_);
  free_entries_.push_back(entry);
}

StreamState& RankState::NewStream() {
  MutexLock lock(&mutex_);
  streams_.push_back(std::make_unique<StreamState>(*this));
  return *streams_.back();
}

absl::Status RankState::CancelledStatus() const {
  if (!fate.ok()) return fate;
  if (!engine.deadlock().ok()) return engine.deadlock();
  return absl::CancelledError("the simulation has ended");
}

void RankState::OnEvent(int64_t, uint64_t tag) {
  if (tag == kLeft) {
    engine.Trace(HashCombine(static_cast<uint64_t>(index),
                             static_cast<uint64_t>(report.status.code())));
    engine.ForEachGroupOf(index, [](Group& group, int member) {
      group.Leave(member, "has returned");
    });
  } else if (!thread->finished && fate.ok()) {
    if (tag == kHang) {
      fate = absl::CancelledError(
          absl::StrCat("rank ", index, " hangs (scripted fault)"));
      engine.scheduler().Hang(*thread);
    } else {
      Crash();
    }
  }
  engine.Pump();
}

void RankState::Crash() {
  fate = absl::CancelledError(
      absl::StrCat("rank ", index, " crashed (scripted fault)"));
  engine.ForEachGroupOf(index, [this](Group& group, int member) {
    group.Lose(member, /*dead=*/true, fate, "crashed", {member});
  });
  thread->cancelled = true;
  engine.scheduler().Wake(*thread);
}

Engine::Engine(const WorldOptions& options)
    : options_(options),
      cost_(options),
      scheduler_(options.max_parallel >= options.ranks ? 0
                                                       : options.max_parallel),
      pool_(PoolThreads(options)),
      trace_hash_(options.seed) {
  for (int i = 0; i < options_.ranks; ++i) {
    ranks_.push_back(std::make_unique<RankState>(*this, i));
  }
  for (const Straggler& straggler : options_.stragglers) {
    ranks_[straggler.rank]->percent = straggler.percent;
  }
  std::vector<int> everyone(options_.ranks);
  std::iota(everyone.begin(), everyone.end(), 0);
  NewGroup(std::move(everyone), nullptr);
  scheduler_.set_on_deadlock(
      [this](const absl::Status& status) { OnDeadlock(status); });
}

Engine::~Engine() = default;

Group* Engine::NewGroup(std::vector<int> members, Group* parent) {
  const int id = static_cast<int>(groups_.size());
  groups_.push_back(
      std::make_unique<Group>(*this, id, std::move(members), parent));
  return groups_.back().get();
}

void Engine::ScheduleFaults() {
  for (const Fault& fault : options_.faults) {
    scheduler_.At(
        TimeoutNs(fault.at), ranks_[fault.rank].get(),
        fault.kind == FaultKind::kCrash ? RankState::kCrash : RankState::kHang);
  }
}

void Engine::OnDeadlock(const absl::Status& status) {
  if (deadlock_.ok()) deadlock_ = status;
  for (size_t i = 0; i < groups_.size(); ++i) groups_[i]->Fail(status);
  Pump();
}

// Kernels of different ranks run in parallel, since no two touch the same
// memory; everything that decides runs in order.
void Engine::RunTasks(const std::vector<StreamState*>& streams) {
  int64_t bytes = 0;
  for (StreamState* stream : streams) bytes += stream->TaskBytes();
  if (bytes < kParallelBytes) {
    for (StreamState* stream : streams) stream->RunTasks();
  } else {
    pool_.Run(static_cast<int64_t>(streams.size()),
              [&](int64_t i) { streams[static_cast<size_t>(i)]->RunTasks(); });
  }
}

void Engine::Pump() {
  if (pumping_) return;
  pumping_ = true;
  while (!ready_.empty()) {
    current_.swap(ready_);
    RunTasks(current_);
    for (StreamState* stream : current_) stream->set_listed(false);
    for (StreamState* stream : current_) {
      stream->Step();
      if (stream->HasTask()) Ready(stream);
    }
    current_.clear();
  }
  pumping_ = false;
}

int64_t Engine::CostOf(const Operation& operation) const {
  const std::vector<int>& members = operation.group->members();
  const Entry* entry = nullptr;
  for (const Entry* e : operation.entries) {
    if (e != nullptr) entry = e;
  }
  const int64_t bytes = entry->WholeBytes();
  switch (operation.kind) {
    case OpKind::kAllToAll:
      return cost_.AllToAll(members, bytes);
    case OpKind::kAllGather:
      return cost_.AllGather(members, bytes);
    case OpKind::kBroadcast:
      return cost_.Broadcast(members, bytes);
    case OpKind::kAllReduce:
      return cost_.AllReduce(members, bytes);
    case OpKind::kBarrier:
    case OpKind::kSplit:
    case OpKind::kShrink:
      return cost_.Barrier(members);
  }
  return 0;
}

void Engine::Trace(uint64_t value) {
  trace_hash_ = HashCombine(
      HashCombine(trace_hash_, static_cast<uint64_t>(now_ns())), value);
}

void Engine::Account(const Operation& operation) {
  any_operation_ = true;
  uint64_t hash = HashCombine(static_cast<uint64_t>(operation.group->id()),
                              operation.sequence);
  hash = HashCombine(hash, static_cast<uint64_t>(operation.kind));
  for (Entry* entry : operation.entries) {
    if (entry == nullptr) continue;
    hash = HashCombine(hash, static_cast<uint64_t>(entry->rank->index));
    hash = HashCombine(hash, static_cast<uint64_t>(entry->WholeBytes()));
    if (options_.hash_payloads) {
      hash = HashCombine(
          hash, entry->guarded ? entry->input_hash : HashInputs(*entry));
    }
    RankReport& report = entry->rank->report;
    report.wait_ns += operation.start_ns - entry->ready_ns;
    report.transfer_ns += operation.end_ns - operation.start_ns;
    ++report.operations;
    CountBytes(*entry, report.bytes_sent, report.bytes_received);
  }
  Trace(hash);
}

void Engine::FinishEntry(Entry* entry, int64_t time_ns,
                         const absl::Status& status) {
  StreamState* stream = entry->stream;
  Completion* completion = entry->completion;
  // Split and Shrink read from the entry what was made; they return it.
  const bool keep =
      entry->kind == OpKind::kSplit || entry->kind == OpKind::kShrink;
  RankState* rank = entry->rank;
  if (!keep) rank->ReturnEntry(entry);
  completion->Resolve(time_ns, status);
  completion->Unref();
  stream->FinishOperation(time_ns, status);
}

}  // namespace parley::sim
