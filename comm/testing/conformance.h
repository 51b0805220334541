// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The suite that every backend of Communicator must pass. A backend says how to
// run a function on n ranks, and gets all tests under its name:
//
//   const bool registered = parley::testing::RegisterConformanceTests(
//       {.name = "Sim", .run = RunOnSim});
//
// linked with gtest_main. Expected values are whole numbers worked out here,
// not by the library.
#ifndef PARLEY_COMM_TESTING_CONFORMANCE_H_
#define PARLEY_COMM_TESTING_CONFORMANCE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "parley/comm/communicator.h"

namespace parley::testing {

using RankBody = std::function<absl::Status(Communicator&)>;

struct ConformanceBackend {
  std::string name;

  // Runs `body` on all ranks of a fresh group of `ranks`, each with its
  // communicator, and returns what they returned, in rank order. The default
  // timeout of the communicators must be finite or deadlocks be found.
  std::function<std::vector<absl::Status>(int ranks, const RankBody& body)> run;

  // The same, where rank `victim` dies within a second of its clock, and before
  // 1,000 operations; null where a rank cannot be made to.
  std::function<std::vector<absl::Status>(int ranks, int victim,
                                          const RankBody& body)>
      run_with_a_death = nullptr;

  // Whether calls are compared between ranks (always in the simulator).
  bool compares_calls = false;

  // Whether errors name the ranks that are missing or gone, and list them
  // (comm/lost_ranks.h). Where not, they are kUnavailable or kDeadlineExceeded,
  // whichever the backend sees first.
  bool names_missing_ranks = false;

  // Whether a rank that touches a buffer in flight is found and named.
  bool checks_buffers = false;

  // All cells of ranks x counts x dtypes x operations instead of a pairwise
  // cover.
  bool exhaustive = false;

  // Counts above this are left out, for slow builds.
  int64_t max_count = 1 << 20;
};

// Registers the tests. Returns true, so that it can initialise a constant.
bool RegisterConformanceTests(const ConformanceBackend& backend);

}  // namespace parley::testing

#endif  // PARLEY_COMM_TESTING_CONFORMANCE_H_
