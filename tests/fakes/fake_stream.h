// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Streams and events of the fake CUDA runtime. A stream is a queue of items;
// each takes a drawn time in the virtual clock, and what it does happens at the
// end of that time, while no thread runs. So work is done as late as CUDA
// allows, streams overtake each other in seeded random order, and a host or a
// stream that does not wait for what it needs sees old bytes.
//
// Guarded by the machine's lock.
#ifndef PARLEY_TESTS_FAKES_FAKE_STREAM_H_
#define PARLEY_TESTS_FAKES_FAKE_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "parley/base/random.h"
#include "parley/sim/scheduler.h"
#include "parley/tests/fakes/fake_launch.h"
#include "parley/tests/fakes/fake_memory.h"

namespace parley::fakes {

class FakeStream;
class GraphRun;
struct FakeCapture;
struct FakeDevice;

// What an event stands for once it was recorded.
struct Point {
  bool done = false;
  std::vector<FakeStream*> waiters;
};

struct FakeEvent {
  FakeDevice* device;
  std::string name;
  bool destroyed = false;
  std::shared_ptr<Point> point = nullptr;  // null: was never recorded, or
  FakeCapture* capture = nullptr;          // last in a capture, where it
  std::vector<size_t> nodes = {};          // stands for these
};

struct Item {
  enum Kind { kTask, kRecord, kWait, kLaunch, kGraph };
  Kind kind = kTask;
  std::string name;
  int64_t posted_ns = 0;
  std::function<void()> run = nullptr;     // kTask
  std::vector<Access> accesses = {};       // kTask
  std::shared_ptr<Point> point = nullptr;  // kRecord, kWait
  Launch* launch = nullptr;                // kLaunch
  GraphRun* graph = nullptr;               // kGraph
};

// Draws how long an item takes: about as often half a microsecond as a hundred.
int64_t DrawDelayNs(Random& random);

class FakeStream final : public sim::EventTarget, public LaunchPlace {
 public:
  FakeStream(FakeDevice& device, std::string name, Random random)
      : device_(device), name_(std::move(name)), random_(random) {}

  FakeDevice& device() { return device_; }
  const std::string& name() const { return name_; }
  bool destroyed() const { return destroyed_; }
  void set_destroyed() { destroyed_ = true; }
  bool idle() const { return items_.empty(); }

  // Whether there is more in it than records and waits.
  bool has_work() const;

  // [thread]
  void Push(sim::SimThread& thread, Item item);

  // [event] As Push, for what a library enqueues in the background.
  void PushLater(Item item);

  // [event] The launch in front has ended, of a group or of a graph.
  void FinishLaunch() override;

  // [event] Goes on, if it can.
  void Look();

  // [event] The scheduler shall let it go on.
  void LookSoon();

  // The capture under way that it is in, null if there is none. Then nothing
  // is pushed.
  FakeCapture* capture() { return capture_; }
  void set_capture(FakeCapture* capture) { capture_ = capture; }

  // Launches that the library was asked for and has not enqueued yet.
  void LibraryHasWork() { ++library_work_; }
  void LibraryIsDone() { --library_work_; }
  bool library_has_work() const { return library_work_ > 0; }

  // The name of an item that is queued and touches the block, empty if none.
  std::string UserOf(const Block& block) const;

  // What it waits for: "stream 2 waits for Mean (3 items behind it)".
  std::string Describe() const;

  // 0: look at the stream; otherwise, the item of that number is done.
  void OnEvent(int64_t time_ns, uint64_t tag) override;

 private:
  void Start(Item& item);
  void Finish();
  void Run(Item& item);

  FakeDevice& device_;
  const std::string name_;
  Random random_;
  bool destroyed_ = false;
  std::deque<Item> items_;
  FakeCapture* capture_ = nullptr;
  int library_work_ = 0;
  uint64_t number_ = 1;   // of the item in front
  bool started_ = false;  // the item in front has begun, or has a waiter set
};

}  // namespace parley::fakes

#endif  // PARLEY_TESTS_FAKES_FAKE_STREAM_H_
