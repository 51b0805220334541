// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What averaging_test.cc says of all backends, where it takes the simulator to
// say it: it counts what it moves.
#include <cstdint>

#include "gtest/gtest.h"
#include "parley/tests/properties/cases.h"
#include "parley/tests/properties/meetings.h"
#include "parley/tests/properties/rapidcheck.h"

namespace parley::testing::properties {
namespace {

// An element in two buckets would have the right value, and travel twice.
RC_GTEST_PROP(SimulatedTest, EachElementIsMovedOnce, ()) {
  Case drawn = *AnyCase();
  for (TensorSpec& tensor : drawn.tensors) tensor.sits_out = false;
  const Workload workload(drawn);
  const Outcome outcome = MustMeet(workload, *AnyVariation());
  RC_ASSERT(outcome.bytes_moved == workload.BytesReceived() +
                                       outcome.padding_bytes +
                                       HeaderBytes(drawn));
}

}  // namespace
}  // namespace parley::testing::properties
