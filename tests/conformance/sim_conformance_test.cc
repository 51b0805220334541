// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The simulator's communicator under the conformance suite. With PARLEY_MUTANT
// set, a broken one, and the suite must fail (mutants_test).
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "parley/base/mutex.h"
#include "parley/comm/testing/conformance.h"
#include "parley/comm/testing/mutants.h"
#include "parley/device/cpu/cpu_device.h"
#include "parley/sim/world.h"

namespace parley::testing {
namespace {

std::string Mutant() {
  const char* name = std::getenv("PARLEY_MUTANT");
  return name == nullptr ? "" : name;
}

// Takes nothing back before it goes: a mutant that does not wait leaves
// operations under way, and what they write must not be somebody else's memory.
class KeepingAllocator final : public Allocator {
 public:
  ~KeepingAllocator() override {
    for (const auto& [memory, bytes] : kept_) {
      HeapAllocator().Deallocate(memory, bytes);
    }
  }

  void* Allocate(int64_t bytes) override {
    void* const memory = HeapAllocator().Allocate(bytes);
    MutexLock lock(&mutex_);
    kept_.emplace_back(memory, bytes);
    return memory;
  }
  void Deallocate(void*, int64_t) override {}

 private:
  Mutex mutex_;
  std::vector<std::pair<void*, int64_t>> kept_ ABSL_GUARDED_BY(mutex_);
};

std::vector<absl::Status> RunWith(const std::vector<sim::Fault>& faults,
                                  int ranks, const RankBody& body) {
  sim::WorldOptions options;
  options.ranks = ranks;
  options.hosts = ranks >= 4 ? 2 : 1;
  options.faults = faults;
  const std::string mutant = Mutant();
  KeepingAllocator kept;
  if (!mutant.empty()) options.allocator = &kept;
  const sim::Report report =
      sim::World(options).Run([&](sim::RankContext& rank) {
        if (mutant.empty()) return body(rank.communicator());
        const std::unique_ptr<Communicator> broken =
            MakeCommunicatorMutant(mutant, rank.communicator());
        return body(*broken);
      });
  std::vector<absl::Status> statuses;
  for (const sim::RankReport& rank : report.ranks) {
    statuses.push_back(rank.status);
  }
  return statuses;
}

std::vector<absl::Status> RunOnSim(int ranks, const RankBody& body) {
  return RunWith({}, ranks, body);
}

std::vector<absl::Status> RunWithADeath(int ranks, int victim,
                                        const RankBody& body) {
  return RunWith({{.kind = sim::FaultKind::kCrash,
                   .rank = victim,
                   .at = absl::Milliseconds(20)}},
                 ranks, body);
}

ConformanceBackend Backend() {
  ConformanceBackend backend;
  backend.name = "Sim";
  backend.run = RunOnSim;
  backend.run_with_a_death = RunWithADeath;
  backend.compares_calls = true;
  backend.names_missing_ranks = true;
  backend.checks_buffers = true;
#ifdef PARLEY_CONFORMANCE_EXHAUSTIVE
  backend.exhaustive = true;
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  backend.max_count = 4096;
#endif
  return backend;
}

const bool registered = RegisterConformanceTests(Backend());

}  // namespace
}  // namespace parley::testing
