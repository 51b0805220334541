// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/support/backend.h"

#include "gtest/gtest.h"

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
  sim::WorldOptions serial = options;
  serial.max_parallel = 1;
  const sim::Report first = RunWorld(serial, body);
  EXPECT_TRUE(first.status.ok()) << "one rank at a time: " << first;

  sim::WorldOptions parallel = options;
  parallel.max_parallel = 0;
  sim::Report second = RunWorld(parallel, body);
  EXPECT_TRUE(second.status.ok()) << "all ranks at once: " << second;
  EXPECT_EQ(first.trace_hash, second.trace_hash);
  return second;
}

}  // namespace parley::testing
