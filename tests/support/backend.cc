// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/support/backend.h"

#include "parley/sim/testing/run_ranks.h"

namespace parley::testing {
namespace {

sim::Report RunOnSim(const sim::WorldOptions& options, const WorldBody& body) {
  return sim::World(options).Run(body);
}

Backend& CurrentBackend() {
  static Backend backend = RunOnSim;
  return backend;
}

}  // namespace

bool SetBackend(Backend backend) {
  CurrentBackend() = backend;
  return true;
}

sim::Report RunWorld(const sim::WorldOptions& options, const WorldBody& body) {
  return CurrentBackend()(options, body);
}

sim::Report RunRanks(const sim::WorldOptions& options, const WorldBody& body) {
  return sim::testing::RunTwice(options,
                                [&body](const sim::WorldOptions& world) {
                                  return RunWorld(world, body);
                                });
}

}  // namespace parley::testing
