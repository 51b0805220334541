// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Launch: the operations of one group on one communicator, which the device
// runs as one kernel. It starts when it is in front of all its streams (or has
// its turn in a graph) and of the device's queue (a device runs one such kernel
// at a time, in the order of the calls), and ends together with the launches of
// other ranks that it needs. Bytes move at its end. From start to end outputs
// are poisoned and inputs are watched.
//
// Guarded by the machine's lock.
#ifndef PARLEY_TESTS_FAKES_FAKE_LAUNCH_H_
#define PARLEY_TESTS_FAKES_FAKE_LAUNCH_H_

#include <nccl.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "parley/sim/scheduler.h"
#include "parley/tests/fakes/fake_memory.h"

namespace parley::fakes {

class FakeStream;
struct Clique;
struct FakeCapture;
struct FakeComm;

enum class OpKind { kSend, kRecv, kAllGather, kAllReduce, kBroadcast };

// One call.
struct Op {
  OpKind kind = OpKind::kSend;
  const void* from = nullptr;
  void* to = nullptr;
  int64_t count = 0;
  ncclDataType_t type = ncclFloat32;
  ncclRedOp_t op = ncclSum;
  int peer = -1;  // the other side, or the root
  // Which of the communicator's captured calls it is, from 1; 0: of none.
  int64_t captured_call = 0;
  FakeComm* comm = nullptr;
  FakeStream* stream = nullptr;
  uint64_t input_hash = 0;

  bool collective() const {
    return kind != OpKind::kSend && kind != OpKind::kRecv;
  }
  int64_t bytes() const;
  Access Input() const;   // none for those who only receive
  Access Output() const;  // none for those who only send
  // The output is the input, or contains it where it belongs.
  bool in_place() const;
  std::string ToString() const;  // "AllReduce of 4 float32, sum"
};

// What a launch must be in front of before it starts.
class LaunchPlace {
 public:
  // [event] The launch has ended.
  virtual void FinishLaunch() = 0;

 protected:
  ~LaunchPlace() = default;
};

class Launch final : public sim::EventTarget {
 public:
  enum State { kIssued, kActive, kDone };
  // Events: the call takes its place in the device's order; the library's
  // background thread enqueues what a non-blocking call left to it.
  static constexpr uint64_t kOrder = 0;
  static constexpr uint64_t kEnqueue = 1;

  // `in_background`: the streams get it later, by an event. With a `capture`,
  // that is what gets it, later, and it is never run.
  Launch(FakeComm& comm, std::vector<Op> ops, bool in_background,
         FakeCapture* capture = nullptr);

  // As part of a graph, which is the one place that it has.
  Launch(FakeComm& comm, std::vector<Op> ops, std::string name);

  FakeComm& comm() { return comm_; }
  const std::string& name() const { return name_; }
  std::vector<Op>& ops() { return ops_; }
  const std::vector<FakeStream*>& streams() const { return streams_; }
  State state() const { return state_; }
  std::vector<Access> Accesses() const;

  // By a place that it is in front of.
  void PlaceIsReady(LaunchPlace& place);

  // Starts it if all places are ready.
  void StartIfReady();

  // Ends it, with its bytes moved or, on abort, without.
  void End();

  // Reports buffers that somebody touched since the start.
  void CheckBuffers();

  void OnEvent(int64_t time_ns, uint64_t tag) override;

  bool hangs = false;        // by a fault, or because calls differ
  bool in_exchange = false;  // its end has been scheduled

 private:
  void Order();
  void Enqueue();
  void ApplyFaults();
  bool CheckAccesses();
  void GuardBuffers();

  FakeComm& comm_;
  std::vector<Op> ops_;
  bool in_background_;  // the streams do not have it yet
  FakeCapture* const capture_;
  std::string name_;
  std::vector<FakeStream*> streams_;
  const size_t num_places_;
  std::vector<LaunchPlace*> ready_;
  State state_ = kIssued;
  bool ordered_ = false;
  int64_t number_ = -1;  // on the device
};

// The ends of launches that need one another.
struct Exchange final : sim::EventTarget {
  void OnEvent(int64_t time_ns, uint64_t tag) override;
  Clique* clique = nullptr;
  std::vector<Launch*> launches;
};

}  // namespace parley::fakes

#endif  // PARLEY_TESTS_FAKES_FAKE_LAUNCH_H_
