// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// WorldOptions: what a simulated world is made of. All times are virtual, all
// randomness comes from the seed.
//
//   sim::WorldOptions options;
//   options.ranks = 8;
//   options.hosts = 2;
//   options.stragglers = {{.rank = 3, .percent = 150}};
//   options.faults = {{.kind = sim::FaultKind::kCrash, .rank = 5,
//                      .at = absl::Milliseconds(40)}};
#ifndef PARLEY_SIM_OPTIONS_H_
#define PARLEY_SIM_OPTIONS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "parley/device/cpu/cpu_device.h"

namespace parley::sim {

// The alpha-beta model of one tier: a message of n bytes takes
// latency + n / bytes_per_second.
struct Link {
  absl::Duration latency;
  int64_t bytes_per_second;
};

// A rank whose Compute() takes `percent` of the time asked for.
struct Straggler {
  int rank = 0;
  int percent = 100;
};

enum class FaultKind {
  kCrash,  // the rank's function is left at its next call; peers get
           // kUnavailable
  kHang,   // the rank stops for ever, silently; peers see only their deadlines
};

// Strikes when the rank's clock has reached `at`, at its next call that
// consults the scheduler.
struct Fault {
  FaultKind kind = FaultKind::kCrash;
  int rank = 0;
  absl::Duration at = absl::ZeroDuration();
};

struct WorldOptions {
  int ranks = 1;

  // Ranks are laid out over hosts in contiguous blocks, as even as possible.
  int hosts = 1;

  uint64_t seed = 0;

  // Inside a host, and between hosts.
  Link intra_host = {absl::Microseconds(2), 100'000'000'000};
  Link inter_host = {absl::Microseconds(20), 10'000'000'000};

  // What a kernel's bytes, read and written, cost.
  int64_t kernel_bytes_per_second = 1'000'000'000'000;

  // How many ranks run at once: 0 for all. Results do not depend on it.
  int max_parallel = 0;

  // The communicator's default timeout, in virtual time. With an infinite one
  // a meeting that cannot happen is reported as a deadlock.
  absl::Duration timeout = absl::InfiniteDuration();

  // Whether operations check their buffers: outputs are poisoned and inputs
  // hashed from the call to its completion, so that a rank that touches them
  // is found and named. Costs three passes over memory.
  bool check_buffers = true;

  // Whether the trace hash covers payloads. Costs one pass over memory.
  bool hash_payloads = true;

  std::vector<Straggler> stragglers = {};
  std::vector<Fault> faults = {};

  // Where the ranks' devices take memory from; must outlive the world.
  Allocator* allocator = &HeapAllocator();
};

// kInvalidArgument, naming the field and its value.
absl::Status Validate(const WorldOptions& options);

}  // namespace parley::sim

#endif  // PARLEY_SIM_OPTIONS_H_
