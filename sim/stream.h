// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The simulator's streams and events. A stream is a queue of tasks (kernels),
// operations, recorded points and waits, with a clock of its own: the virtual
// time at which its work so far is done. A task that has nothing before it runs
// at once, on the rank's thread; the rest is run by the scheduler when what it
// waits for has come.
//
// Thread-safety: as Completion.
#ifndef PARLEY_SIM_STREAM_H_
#define PARLEY_SIM_STREAM_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "parley/device/cpu/host_stream.h"
#include "parley/sim/completion.h"
#include "parley/sim/ring_queue.h"
#include "parley/sim/scheduler.h"

namespace parley::sim {

struct Entry;

struct StreamItem {
  enum Kind { kTask, kOperation, kRecord, kWait };
  Kind kind = kTask;
  int64_t posted_ns = 0;
  HostTask task;
  Completion* completion = nullptr;  // kRecord, kWait: holds a reference
  Entry* entry = nullptr;            // kOperation
};

// Outlives its SimStream until the end of the run, since work may be pending.
class StreamState final : public EventTarget {
 public:
  explicit StreamState(RankState& rank) : rank_(rank) {}

  // By the owning rank's threads.
  void Enqueue(const HostTask& task);
  void Enqueue(Entry* entry);
  void Record(Completion* completion);
  void Wait(Completion* completion);
  absl::Status WaitHost(absl::Duration timeout);
  bool idle() const { return items_.empty(); }

  // By the engine, while nothing runs.
  RankState& rank() { return rank_; }
  bool HasTask() {
    return !items_.empty() && front().kind == StreamItem::kTask;
  }
  // Runs the tasks at the front, up to the next item of another kind.
  void RunTasks();
  int64_t TaskBytes();
  // Moves on over what needs no waiting; false if a task is in front.
  void Step();
  // Whether it is on the engine's list of streams to look at.
  bool listed() const { return listed_; }
  void set_listed(bool listed) { listed_ = listed; }
  // The operation in front has ended.
  void FinishOperation(int64_t time_ns, const absl::Status& status);

  // The stream has work that the scheduler must look at.
  void OnEvent(int64_t time_ns, uint64_t tag) override;

 private:
  StreamItem& front() { return items_.front(); }
  void Push(StreamItem item);
  bool StepWait(const StreamItem& item);

  RankState& rank_;
  RingQueue<StreamItem> items_;
  int64_t ready_ns_ = 0;
  absl::Status failure_;
  bool arrived_ = false;  // the operation in front has been announced
  bool listed_ = false;
  bool watching_ = false;  // the completion in front knows of this stream
};

class SimStream final : public HostStream {
 public:
  SimStream(Device& device, StreamState& state)
      : device_(device), state_(state) {}

  Device& device() override { return device_; }
  void Enqueue(const HostTask& task) override { state_.Enqueue(task); }
  void Record(Event& event) override;
  void Wait(Event& event) override;
  absl::Status WaitHost(absl::Duration timeout) override {
    return state_.WaitHost(timeout);
  }
  StreamState& state() { return state_; }

 private:
  void RefuseEvent(absl::string_view call);

  Device& device_;
  StreamState& state_;
};

class SimEventHandle final : public Event {
 public:
  ~SimEventHandle() override { Set(nullptr); }

  // Takes over one reference.
  void Set(Completion* completion) {
    if (completion_ != nullptr) completion_->Unref();
    completion_ = completion;
  }
  Completion* completion() { return completion_; }

 private:
  Completion* completion_ = nullptr;
};

}  // namespace parley::sim

#endif  // PARLEY_SIM_STREAM_H_
