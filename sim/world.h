// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// World: N ranks on threads of this process, with a virtual clock, a network
// model and faults, for deterministic tests of multi-rank programs on one
// machine. Each rank gets a Communicator; everything above it is the code that
// runs in production.
//
//   sim::World world({.ranks = 8, .seed = 42});
//   sim::Report report = world.Run([](sim::RankContext& rank) -> absl::Status {
//     return TrainMyModel(rank.communicator());
//   });
//   EXPECT_TRUE(report.status.ok()) << report;
//
// Ranks are real threads that run freely between communicator calls. A call
// that must wait parks its thread; when every live rank is parked, one
// scheduler serves the requests in (virtual time, rank, sequence) order. So
// results, virtual times and the trace hash are the same on every run and for
// any number of ranks running at once (docs/simulator.md).
//
// Ranks must wait for one another only through the communicator and its clock:
// the scheduler cannot see a thread that blocks elsewhere, and waits for it.
//
// Thread-safety: a World is used by one thread; a RankContext by its rank.
#ifndef PARLEY_SIM_WORLD_H_
#define PARLEY_SIM_WORLD_H_

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "parley/base/random.h"
#include "parley/comm/communicator.h"
#include "parley/sim/options.h"
#include "parley/sim/report.h"

namespace parley::sim {

// A rank's view of its world.
class RankContext {
 public:
  virtual ~RankContext() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  // The communicator of all ranks. Lives as long as the context.
  virtual Communicator& communicator() = 0;

  // Lets this rank's virtual clock advance by `duration` of work of its own,
  // times its straggler factor.
  virtual void Compute(absl::Duration duration) = 0;

  // Draws that depend on the world's seed and this rank alone.
  virtual Random& random() = 0;
};

class World {
 public:
  // The options are checked by Run().
  explicit World(WorldOptions options) : options_(std::move(options)) {}

  // Runs `body` once per rank and returns when all have finished. May be
  // called again: every run starts from the same state.
  Report Run(const std::function<absl::Status(RankContext&)>& body);

 private:
  WorldOptions options_;
};

}  // namespace parley::sim

#endif  // PARLEY_SIM_WORLD_H_
