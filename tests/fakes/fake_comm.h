// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The fake NCCL's communicators: what one rank holds (FakeComm), what belongs
// together over the ranks (Clique), and the calls that make and end them
// (Job). Calls post their jobs; handlers bring those of different ranks
// together, so that what comes of them does not depend on threads.
//
// Guarded by the machine's lock.
#ifndef PARLEY_TESTS_FAKES_FAKE_COMM_H_
#define PARLEY_TESTS_FAKES_FAKE_COMM_H_

#include <nccl.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "parley/base/random.h"
#include "parley/sim/scheduler.h"
#include "parley/tests/fakes/fake_launch.h"

namespace parley::fakes {

class FakeMachine;
struct Clique;
struct FakeDevice;
struct GraphBody;

// What an ncclComm_t of the fakes points to.
struct FakeComm {
  FakeComm(FakeDevice& device, std::string name, bool blocking, Random random)
      : device(device),
        name(std::move(name)),
        blocking(blocking),
        random(random) {}

  // As ncclCommGetAsyncError tells it. The first error stays.
  void SetState(ncclResult_t next, const std::string& why);
  bool failed() const {
    return state != ncclSuccess && state != ncclInProgress;
  }

  // Whether a graph that contains calls of it has not been destroyed: until
  // then it can neither be finalized nor aborted.
  bool HasGraphs() const;

  // Ends all its launches at once.
  void KillLaunches();

  FakeDevice& device;
  const std::string name;  // "comm 1"
  const bool blocking;
  const Random random;

  ncclResult_t state = ncclInProgress;
  std::string last_error;
  Clique* clique = nullptr;  // once it is made
  int rank = -1;
  int size = 0;
  uint64_t calls = 0;
  std::vector<Launch*> in_flight;
  int64_t captured_calls = 0;
  std::vector<const GraphBody*> graphs;  // that contain calls of it
  Launch* active = nullptr;
  bool finalize_called = false;
  bool finalize_arrived = false;
  bool finalized = false;
  bool revoked = false;     // by Shrink with NCCL_SHRINK_ABORT
  bool gone = false;        // destroyed or aborted
  bool handed_out = false;  // the caller has its handle
};

// One call that concerns a communicator as a whole.
struct Job final : sim::EventTarget {
  enum Kind { kInit, kSplit, kShrink, kFinalize, kAbort };
  static constexpr uint64_t kPosted = 0;
  static constexpr uint64_t kDue = 1;

  Job(FakeMachine& machine, Kind kind, FakeComm& comm)
      : machine(machine), kind(kind), comm(comm) {}
  void OnEvent(int64_t time_ns, uint64_t tag) override;

  FakeMachine& machine;
  const Kind kind;
  FakeComm& comm;  // kInit: the new one
  FakeComm* child = nullptr;
  ncclComm_t* made = nullptr;
  std::string id;  // kInit
  int color = 0;
  int key = 0;
  std::vector<int> excluded;
  ncclResult_t failure = ncclSuccess;  // scripted
  bool hangs = false;                  // scripted
  bool done = false;
};

// The communicators of all ranks that were made together.
struct Clique {
  Clique(FakeMachine& machine, int number, std::vector<FakeComm*> members);

  // Ends launches that have all that they need.
  void TryExchange();

  // Lets ncclCommFinalize succeed when all members have come.
  void TryFinalize();

  FakeMachine& machine;
  const int number;
  const std::vector<FakeComm*> members;  // by rank
  const Random random;
  uint64_t exchanges = 0;
  std::vector<std::deque<Job*>> splits;                   // waiting, by rank
  std::map<std::vector<int>, std::vector<Job*>> shrinks;  // by the excluded
};

// Jobs that met, and end together.
struct Gathering final : sim::EventTarget {
  void OnEvent(int64_t time_ns, uint64_t tag) override;
  FakeMachine* machine = nullptr;
  std::vector<Job*> jobs;  // by rank of the old or new communicator
};

class Cliques {
 public:
  explicit Cliques(FakeMachine& machine) : machine_(machine) {}

  // [thread]
  ncclUniqueId NewUniqueId(FakeDevice& device);
  Job& NewJob(Job::Kind kind, FakeComm& comm);

  // [event]
  void Arrive(Job& job);
  void Complete(Gathering& gathering);
  Exchange& NewExchange();

 private:
  void ArriveForInit(Job& job);
  void ArriveForSplit(Job& job);
  void ArriveForShrink(Job& job);
  void Gather(std::vector<Job*> jobs, uint64_t draw);
  void Found(const std::vector<FakeComm*>& members);
  void CompleteSplit(const std::vector<Job*>& jobs);

  FakeMachine& machine_;
  std::vector<std::string> ids_;  // that were given out
  std::map<std::string, std::vector<Job*>> inits_;
  std::vector<std::unique_ptr<Job>> jobs_;
  std::vector<std::unique_ptr<Gathering>> gatherings_;
  std::vector<std::unique_ptr<Exchange>> exchanges_;
  std::vector<std::unique_ptr<Clique>> cliques_;
};

}  // namespace parley::fakes

#endif  // PARLEY_TESTS_FAKES_FAKE_COMM_H_
