// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Which launches of a clique end together: a set in which every operation finds
// all those that it needs.
#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/base/hash.h"
#include "parley/tests/fakes/fake_collectives.h"
#include "parley/tests/fakes/fake_machine.h"

namespace parley::fakes {
namespace {

// The launches that run, by rank; null for ranks without.
using Running = std::vector<Launch*>;

std::vector<const Op*> CollectivesOf(Launch& launch) {
  std::vector<const Op*> calls;
  for (const Op& op : launch.ops()) {
    if (op.collective()) calls.push_back(&op);
  }
  return calls;
}

// The sends of `rank` to `peer` or the receives of `rank` from it, in order.
std::vector<const Op*> Messages(Launch& launch, OpKind kind, int peer) {
  std::vector<const Op*> calls;
  for (const Op& op : launch.ops()) {
    if (op.kind == kind && op.peer == peer) calls.push_back(&op);
  }
  return calls;
}

// Whether all that the rank's launch needs is in `running`.
bool HasAll(const Running& running, size_t rank) {
  Launch& launch = *running[rank];
  const size_t collectives = CollectivesOf(launch).size();
  if (collectives > 0) {
    for (Launch* other : running) {
      if (other == nullptr || CollectivesOf(*other).size() != collectives) {
        return false;
      }
    }
  }
  for (const Op& op : launch.ops()) {
    if (op.collective()) continue;
    Launch* other = running[static_cast<size_t>(op.peer)];
    if (other == nullptr) return false;
    const OpKind theirs =
        op.kind == OpKind::kSend ? OpKind::kRecv : OpKind::kSend;
    if (Messages(launch, op.kind, op.peer).size() !=
        Messages(*other, theirs, static_cast<int>(rank)).size()) {
      return false;
    }
  }
  return true;
}

// Drops launches that lack something until none does.
Running Closed(Running running) {
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t rank = 0; rank < running.size(); ++rank) {
      if (running[rank] != nullptr && !HasAll(running, rank)) {
        running[rank] = nullptr;
        changed = true;
      }
    }
  }
  return running;
}

// The calls that belong together, each list in rank order.
std::vector<std::vector<const Op*>> CollectiveCalls(const Running& running) {
  std::vector<std::vector<const Op*>> calls;
  for (Launch* launch : running) {
    if (launch == nullptr) continue;
    const std::vector<const Op*> own = CollectivesOf(*launch);
    calls.resize(std::max(calls.size(), own.size()));
    for (size_t i = 0; i < own.size(); ++i) calls[i].push_back(own[i]);
  }
  return calls;
}

// Calls visit(send, recv) for all pairs.
template <typename Visit>
void ForEachMessage(const Running& running, const Visit& visit) {
  for (size_t rank = 0; rank < running.size(); ++rank) {
    if (running[rank] == nullptr) continue;
    for (size_t peer = 0; peer < running.size(); ++peer) {
      if (running[peer] == nullptr) continue;
      const auto sends =
          Messages(*running[rank], OpKind::kSend, static_cast<int>(peer));
      const auto recvs =
          Messages(*running[peer], OpKind::kRecv, static_cast<int>(rank));
      for (size_t i = 0; i < std::min(sends.size(), recvs.size()); ++i) {
        visit(*sends[i], *recvs[i]);
      }
    }
  }
}

// What differs between the calls of different ranks, empty if nothing does.
std::string FindDifference(const Running& running) {
  for (const auto& calls : CollectiveCalls(running)) {
    const std::string difference = Difference(calls);
    if (!difference.empty()) return difference;
  }
  std::string difference;
  ForEachMessage(running, [&difference](const Op& send, const Op& recv) {
    if (difference.empty()) difference = Difference(send, recv);
  });
  return difference;
}

// Inputs before outputs: nothing that is written here is read here, but for
// what is in place within one call.
void MoveBytes(const Running& running) {
  ForEachMessage(running, [](const Op& send, const Op& recv) {
    const auto bytes = static_cast<size_t>(send.bytes());
    if (bytes > 0) std::memcpy(recv.to, send.from, bytes);
  });
  for (const auto& calls : CollectiveCalls(running)) RunCollective(calls);
}

Running RunningIn(const Clique& clique, bool in_exchange) {
  Running running(clique.members.size());
  for (size_t rank = 0; rank < running.size(); ++rank) {
    const FakeComm& comm = *clique.members[rank];
    Launch* launch = comm.active;
    if (comm.device.dead || comm.gone || comm.failed() || launch == nullptr ||
        launch->hangs || launch->in_exchange != in_exchange) {
      continue;
    }
    running[rank] = launch;
  }
  return running;
}

void ReportDifference(const Clique& clique, const Running& running,
                      const std::string& difference) {
  for (Launch* launch : running) {
    if (launch == nullptr) continue;
    launch->hangs = true;
    launch->comm().device.Diagnose(
        absl::StrCat(launch->name(), ": calls differ between ranks of clique ",
                     clique.number, ": ", difference));
    if (clique.machine.options().mismatch == Mismatch::kReport) {
      launch->comm().SetState(ncclInvalidUsage,
                              absl::StrCat("calls differ: ", difference));
    }
  }
}

}  // namespace

void Clique::TryExchange() {
  const Running running = Closed(RunningIn(*this, /*in_exchange=*/false));
  std::vector<Launch*> launches;
  Random draws = random.Fork("exchange", exchanges);
  int64_t delay_ns = 0;
  const int64_t drawn_ns = DrawDelayNs(draws);
  for (Launch* launch : running) {
    if (launch == nullptr) continue;
    launches.push_back(launch);
    delay_ns = std::max(delay_ns, launch->comm().device.Slowed(drawn_ns));
  }
  if (launches.empty()) return;
  ++exchanges;
  const std::string difference = FindDifference(running);
  if (!difference.empty()) {
    ReportDifference(*this, running, difference);
    return;
  }
  Exchange& exchange = machine.cliques().NewExchange();
  exchange.clique = this;
  exchange.launches = launches;
  for (Launch* launch : launches) launch->in_exchange = true;
  machine.scheduler().At(machine.now_ns() + delay_ns, &exchange, 0);
}

void Exchange::OnEvent(int64_t, uint64_t) {
  FakeMachine& machine = clique->machine;
  MutexLock lock(&machine.mutex());
  Running running(clique->members.size());
  size_t left = 0;
  for (Launch* launch : launches) {
    const FakeComm& comm = launch->comm();
    if (launch->state() != Launch::kActive || launch->hangs ||
        comm.device.dead || comm.failed()) {
      continue;
    }
    running[static_cast<size_t>(comm.rank)] = launch;
    ++left;
  }
  // Somebody was taken out meanwhile: the others can no longer end.
  if (left < launches.size()) {
    for (Launch* launch : launches) launch->in_exchange = false;
    clique->TryExchange();
    return;
  }
  for (Launch* launch : launches) launch->CheckBuffers();
  MoveBytes(running);
  for (Launch* launch : launches) {
    for (const Op& op : launch->ops()) {
      const Access output = op.Output();
      if (output.bytes == 0) continue;
      machine.Trace(HashBytes(output.data, static_cast<size_t>(output.bytes)));
    }
  }
  for (Launch* launch : launches) launch->End();
  clique->TryFinalize();
}

}  // namespace parley::fakes
