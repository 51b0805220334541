// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Where suites of the averager run: on the simulator's own communicator, unless
// a library that is linked in has put another one in its place. So one suite is
// a test of every backend: the same program, linked once more.
//
//   RunRanks({.ranks = 3}, [](sim::RankContext& rank) -> absl::Status {
//     Replica replica(rank, Layers());  // on the backend's device
//     ...
//   });
//
// Thread-safety: SetBackend() is called before main(), the others by one thread
// at a time.
#ifndef PARLEY_TESTS_SUPPORT_BACKEND_H_
#define PARLEY_TESTS_SUPPORT_BACKEND_H_

#include <functional>

#include "absl/status/status.h"
#include "parley/sim/world.h"

namespace parley::testing {

using WorldBody = std::function<absl::Status(sim::RankContext&)>;

// Runs a body on the ranks of a simulated world, whose communicators may be of
// another kind.
using Backend = sim::Report (*)(const sim::WorldOptions& options,
                                const WorldBody& body);

// Returns true, so that it can initialise a constant.
bool SetBackend(Backend backend);

// As sim::World::Run(), on the backend.
sim::Report RunWorld(const sim::WorldOptions& options, const WorldBody& body);

// As sim::testing::RunRanks(), on the backend.
sim::Report RunRanks(const sim::WorldOptions& options, const WorldBody& body);

}  // namespace parley::testing

#endif  // PARLEY_TESTS_SUPPORT_BACKEND_H_
