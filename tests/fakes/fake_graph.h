// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Graphs of the fake CUDA runtime: what was captured (GraphBody), the handles
// of it, and a launch (GraphRun). A launch runs each node as soon as the nodes
// that it needs are done and a drawn time has passed, so nodes that the graph
// does not order overtake each other. Operations of NCCL take their places
// among the device's other ones when the graph is launched, in a drawn order
// that the graph and their communicators allow.
//
// Guarded by the machine's lock.
#ifndef PARLEY_TESTS_FAKES_FAKE_GRAPH_H_
#define PARLEY_TESTS_FAKES_FAKE_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "parley/base/random.h"
#include "parley/sim/scheduler.h"
#include "parley/tests/fakes/fake_launch.h"
#include "parley/tests/fakes/fake_memory.h"
#include "parley/tests/fakes/fake_stream.h"

namespace parley::fakes {

struct FakeComm;
struct FakeDevice;

// A task, or a group of NCCL's operations on one communicator.
struct GraphNode {
  std::string name;
  std::vector<size_t> needs;  // earlier ones
  std::function<void()> run = nullptr;
  std::vector<Access> accesses = {};
  std::vector<Op> ops = {};  // none: a task
};

// Lives as long as somebody may launch it, or it runs. Until then the
// communicators in it cannot end.
struct GraphBody final : sim::EventTarget {
  explicit GraphBody(FakeDevice& device) : device(device) {}

  // [thread] One reference fewer, from the thread's time on.
  void Release(sim::SimThread& thread) {
    thread.scheduler->Post(thread, this, 0);
  }
  // [event]
  void Unref();
  void OnEvent(int64_t time_ns, uint64_t tag) override;

  FakeDevice& device;
  std::vector<GraphNode> nodes;
  int refs = 1;
};

// What a cudaGraph_t of the fakes points to.
struct FakeGraph {
  FakeDevice* device;
  std::string name;
  GraphBody* body;
  bool destroyed = false;
};

// What a cudaGraphExec_t of the fakes points to.
struct FakeGraphExec {
  FakeDevice* device;
  std::string name;
  GraphBody* body;
  bool destroyed = false;
  uint64_t launches = 0;
  std::shared_ptr<Point> last = nullptr;  // the end of the last launch
};

class GraphRun final : public sim::EventTarget {
 public:
  GraphRun(GraphBody& body, std::string name, Random random);

  // [thread] The device hears of the operations in it.
  void Announce(sim::SimThread& thread);

  // [event] By the stream that it is in front of.
  void Start(FakeStream& stream);

  const std::string& name() const { return name_; }

  // Of what is not done.
  std::vector<Access> Accesses() const;

  // The task of that number is done.
  void OnEvent(int64_t time_ns, uint64_t tag) override;

 private:
  // Where a launch finds its place in the graph.
  struct Place final : LaunchPlace {
    void FinishLaunch() override { run->Finish(node); }
    GraphRun* run = nullptr;
    size_t node = 0;
  };

  void StartReady();
  void StartNode(size_t node);
  void RunTask(const GraphNode& node);
  void Finish(size_t node);
  std::vector<size_t> DrawOrder();

  GraphBody& body_;
  const std::string name_;
  Random random_;
  FakeStream* stream_ = nullptr;
  std::vector<bool> started_;
  std::vector<bool> done_;
  size_t left_;
  std::vector<Place> places_;      // by node
  std::vector<Launch*> launches_;  // by node; null for tasks
};

}  // namespace parley::fakes

#endif  // PARLEY_TESTS_FAKES_FAKE_GRAPH_H_
