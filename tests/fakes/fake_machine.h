// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// FakeMachine: GPUs and NCCL that do not exist, one device for each rank of a
// simulated world, behind the function tables through which Parley calls CUDA
// and NCCL. The code above the tables is what runs in production.
//
//   FakeReport report = RunOnFakes(
//       {.ranks = 4, .seed = 7}, {}, [](FakeRank& rank) -> absl::Status {
//         PARLEY_ASSIGN_OR_RETURN(
//             auto device,
//             CudaDevice::Create(rank.cuda, FakeCudaKernels(), rank.rank()));
//         ...
//       });
//   EXPECT_TRUE(report.clean()) << report;
//
// The tables hold plain functions, so the machine of the moment is known to the
// whole process: one runs at a time. To break an entry, copy the table and
// replace it; the replacement finds the machine by FakeMachine::Current().
//
// What the devices do is decided by the world's seed alone, in handlers of the
// scheduler, which run while no thread does.
//
// Thread-safety: one lock guards everything of a machine. Calls of the tables
// take it; handlers take it, too, for threads that the scheduler does not know.
#ifndef PARLEY_TESTS_FAKES_FAKE_MACHINE_H_
#define PARLEY_TESTS_FAKES_FAKE_MACHINE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "parley/base/mutex.h"
#include "parley/base/random.h"
#include "parley/comm/nccl/nccl_api.h"
#include "parley/comm/store/store.h"
#include "parley/device/cuda/cuda_api.h"
#include "parley/sim/options.h"
#include "parley/sim/scheduler.h"
#include "parley/sim/world.h"
#include "parley/tests/fakes/fake_capture.h"
#include "parley/tests/fakes/fake_comm.h"
#include "parley/tests/fakes/fake_graph.h"
#include "parley/tests/fakes/fake_launch.h"
#include "parley/tests/fakes/fake_memory.h"
#include "parley/tests/fakes/fake_report.h"
#include "parley/tests/fakes/fake_stream.h"
#include "parley/tests/fakes/faults.h"

namespace parley::fakes {

class FakeMachine;

// Everything of one rank's device.
struct FakeDevice {
  FakeDevice(FakeMachine& machine, int rank) : machine(machine), rank(rank) {}

  // At the time of the calling thread, or of the event being handled.
  void Diagnose(std::string text);

  // A name that does not depend on which of the rank's threads was faster:
  // "stream 2" of the rank itself, "stream 1.2" of its first actor.
  std::string NextName(const char* what);

  // `delay_ns` on a device that may be slow.
  int64_t Slowed(int64_t delay_ns) const;

  // [event] The device stops.
  void Die(const FakeFault& fault);

  // The queued work that touches the block, empty if none does.
  std::string UserOf(const Block& block) const;

  // Names whatever was not given back.
  std::vector<std::string> Leaks() const;

  // Starts the launch in front of the queue, if it is ready.
  void StartNextLaunch();

  // Whether a launch is on the device, done or not.
  bool HasActiveLaunch() const;

  FakeMachine& machine;
  const int rank;
  bool dead = false;
  bool wedged = false;  // an abort has hung: nothing of it is given back
  FakeMemory memory;
  std::vector<std::unique_ptr<FakeStream>> streams;
  std::vector<std::unique_ptr<FakeEvent>> events;
  std::vector<std::unique_ptr<FakeComm>> comms;
  std::vector<std::unique_ptr<Launch>> launches;
  std::vector<std::unique_ptr<FakeCapture>> captures;
  std::vector<std::unique_ptr<GraphBody>> bodies;
  std::vector<std::unique_ptr<FakeGraph>> graphs;
  std::vector<std::unique_ptr<FakeGraphExec>> execs;
  std::vector<std::unique_ptr<GraphRun>> graph_runs;
  std::vector<Launch*> launch_queue;  // in the order of the calls

  // Calls so far, which scripted faults count.
  int64_t launches_issued = 0;
  int64_t inits = 0;
  int64_t aborts = 0;

  // Queries in a row that were answered with "not ready".
  int64_t futile_queries = 0;
  bool stalled = false;

  std::map<std::string, int> names;
};

class FakeMachine final : public sim::EventTarget {
 public:
  FakeMachine(const sim::WorldOptions& world, const FakeOptions& options);
  FakeMachine(const FakeMachine&) = delete;
  FakeMachine& operator=(const FakeMachine&) = delete;
  ~FakeMachine();

  // The machine that runs, null if none does.
  static FakeMachine* Current();

  const FakeOptions& options() const { return options_; }
  int size() const { return static_cast<int>(devices_.size()); }
  FakeDevice& device(int rank) { return *devices_[static_cast<size_t>(rank)]; }
  Cliques& cliques() { return cliques_; }
  Store& store() { return *store_; }
  Mutex& mutex() ABSL_LOCK_RETURNED(mutex_) { return mutex_; }
  sim::Scheduler& scheduler() { return *scheduler_; }
  int64_t now_ns() { return scheduler().now_ns(); }
  Random Draws(absl::string_view name, uint64_t index) const {
    return random_.Fork(name, index);
  }

  void Diagnose(int64_t time_ns, int rank, std::string text) {
    diagnoses_.Add(time_ns, rank, std::move(text));
  }

  // [event] Enters something that a device did.
  void Trace(uint64_t what);

  // The fault of that kind that strikes the rank now, at its `operation`th
  // event of this kind; null if there is none.
  const FakeFault* Strikes(FaultKind kind, int rank, int64_t operation,
                           int64_t time_ns) const;

  // [thread] Stops the calling thread for good; it comes back when all ranks
  // have returned.
  void HangCaller(sim::SimThread& thread, const std::string& what);

  // The rank's thread begins, and ends.
  void Enter(int rank);
  void Leave(int rank);
  FakeReport Finish(sim::Report world);

  // [event] The others hear of a death, if they ever do.
  void ScheduleNotice(const FakeFault& fault);

  void OnEvent(int64_t time_ns, uint64_t tag) override;

 private:
  void ScheduleFaultsOf(int rank);
  void Strike(const FakeFault& fault);
  void Notice(int dead_rank);
  void ReleaseHung();
  void OnLeave(int rank);

  const FakeOptions options_;
  const Random random_;
  std::unique_ptr<Store> store_;
  Mutex mutex_;
  std::atomic<sim::Scheduler*> scheduler_ = nullptr;  // of the run
  std::vector<std::unique_ptr<FakeDevice>> devices_;
  Cliques cliques_;
  Diagnoses diagnoses_;
  uint64_t trace_hash_ = 0;
  int64_t items_ = 0;
  int left_ = 0;
  std::map<int, sim::SimThread*> leaving_;
  std::vector<sim::SimThread*> hung_;
  std::vector<sim::SimThread*> released_;
  int polls_ = 0;
};

// What a rank's function gets.
struct FakeRank {
  sim::RankContext& context;
  FakeMachine& machine;
  const CudaApi& cuda;
  const NcclApi& nccl;
  Store& store;

  int rank() const { return context.rank(); }
  int size() const { return context.size(); }
  Clock& clock() { return context.communicator().clock(); }
};

// Runs `body` once per rank of a simulated world. The rank's own thread has its
// device set, as a trainer's would; threads that it starts do not.
FakeReport RunOnFakes(const sim::WorldOptions& world,
                      const FakeOptions& options,
                      const std::function<absl::Status(FakeRank&)>& body);

}  // namespace parley::fakes

#endif  // PARLEY_TESTS_FAKES_FAKE_MACHINE_H_
