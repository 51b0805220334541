// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/fakes/fake_graph.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "parley/base/hash.h"
#include "parley/tests/fakes/fake_machine.h"

namespace parley::fakes {

void GraphBody::OnEvent(int64_t, uint64_t) {
  MutexLock lock(&device.machine.mutex());
  Unref();
}

void GraphBody::Unref() {
  if (--refs > 0) return;
  for (const GraphNode& node : nodes) {
    if (!node.ops.empty() && node.ops[0].comm->clique != nullptr) {
      node.ops[0].comm->clique->TryFinalize();
    }
  }
  device.machine.scheduler().CheckConditions();
}

GraphRun::GraphRun(GraphBody& body, std::string name, Random random)
    : body_(body),
      name_(std::move(name)),
      random_(random),
      started_(body.nodes.size()),
      done_(body.nodes.size()),
      left_(body.nodes.size()),
      places_(body.nodes.size()),
      launches_(body.nodes.size()) {
  ++body_.refs;
  for (size_t i = 0; i < places_.size(); ++i) {
    places_[i].run = this;
    places_[i].node = i;
  }
}

// NCCL itself keeps the operations of one communicator in the order in which
// they were captured.
std::vector<size_t> GraphRun::DrawOrder() {
  const std::vector<GraphNode>& nodes = body_.nodes;
  std::vector<size_t> order;
  std::vector<bool> taken(nodes.size());
  const auto is_free = [&](size_t i) {
    if (taken[i]) return false;
    for (const size_t need : nodes[i].needs) {
      if (!taken[need]) return false;
    }
    for (size_t j = 0; j < i && !nodes[i].ops.empty(); ++j) {
      if (!taken[j] && !nodes[j].ops.empty() &&
          nodes[j].ops[0].comm == nodes[i].ops[0].comm) {
        return false;
      }
    }
    return true;
  };
  while (order.size() < nodes.size()) {
    std::vector<size_t> free;
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (is_free(i)) free.push_back(i);
    }
    order.push_back(free[random_.Uniform(free.size())]);
    taken[order.back()] = true;
  }
  return order;
}

void GraphRun::Announce(sim::SimThread& thread) {
  for (const size_t i : DrawOrder()) {
    const GraphNode& node = body_.nodes[i];
    if (node.ops.empty()) continue;
    FakeComm& comm = *node.ops[0].comm;
    auto& launches = body_.device.launches;
    launches.push_back(std::make_unique<Launch>(
        comm, node.ops, absl::StrCat(node.name, ", ", name_)));
    launches_[i] = launches.back().get();
    comm.in_flight.push_back(launches_[i]);
    thread.scheduler->Post(thread, launches_[i], Launch::kOrder);
  }
}

void GraphRun::Start(FakeStream& stream) {
  stream_ = &stream;
  StartReady();
}

// Ends the whole launch when nothing is left; also one of nothing.
void GraphRun::StartReady() {
  if (left_ == 0) {
    body_.Unref();
    stream_->FinishLaunch();
    return;
  }
  for (size_t i = 0; i < body_.nodes.size(); ++i) {
    const std::vector<size_t>& needs = body_.nodes[i].needs;
    if (!started_[i] && std::all_of(needs.begin(), needs.end(),
                                    [this](size_t n) { return done_[n]; })) {
      StartNode(i);
    }
  }
}

void GraphRun::StartNode(size_t node) {
  FakeDevice& device = body_.device;
  started_[node] = true;
  if (launches_[node] != nullptr) {
    launches_[node]->PlaceIsReady(places_[node]);
    return;
  }
  device.machine.scheduler().At(
      device.machine.now_ns() + device.Slowed(DrawDelayNs(random_)), this,
      node);
}

void GraphRun::OnEvent(int64_t, uint64_t tag) {
  MutexLock lock(&body_.device.machine.mutex());
  if (body_.device.dead) return;
  RunTask(body_.nodes[tag]);
  Finish(tag);
}

void GraphRun::RunTask(const GraphNode& node) {
  for (const Access& access : node.accesses) {
    const std::string problem = body_.device.memory.Problem(access);
    if (problem.empty()) continue;
    body_.device.Diagnose(
        absl::StrCat(node.name, ", ", name_, ", touches ", problem));
    return;
  }
  node.run();
}

void GraphRun::Finish(size_t node) {
  FakeDevice& device = body_.device;
  device.machine.Trace(
      HashCombine(HashString(name_, node), static_cast<uint64_t>(device.rank)));
  device.futile_queries = 0;
  done_[node] = true;
  --left_;
  StartReady();
}

std::vector<Access> GraphRun::Accesses() const {
  std::vector<Access> accesses;
  for (size_t i = 0; i < body_.nodes.size(); ++i) {
    if (done_[i]) continue;
    const GraphNode& node = body_.nodes[i];
    accesses.insert(accesses.end(), node.accesses.begin(), node.accesses.end());
    for (const Op& op : node.ops) {
      accesses.push_back(op.Input());
      accesses.push_back(op.Output());
    }
  }
  return accesses;
}

}  // namespace parley::fakes
