// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What averaging_test.cc says of all backends, where it takes the simulator to
// say it: it has a mean in one pass, and counts what it moves.
#include <cstdint>

#include "gtest/gtest.h"
#include "parley/tests/properties/cases.h"
#include "parley/tests/properties/meetings.h"
#include "parley/tests/properties/rapidcheck.h"

namespace parley::testing::properties {
namespace {

RC_GTEST_PROP(SimulatedTest, TheFusedMeanHasTheBitsOfTheExchange, ()) {
  Case drawn = *AnyCase();
  // There is at least this much to be done in another way.
  drawn.tensors.back().shape = {*rc::gen::inRange<int64_t>(1, 100)};
  drawn.tensors.back().strides = {1};
  const Workload workload(drawn);
  Variation variation = *AnyVariation();
  const Outcome exchange = MustMeet(workload, variation);
  variation.path = DataPath::kFused;
  const Outcome fused = MustMeet(workload, variation);
  RC_ASSERT(fused.fingerprints == exchange.fingerprints);
  RC_ASSERT((fused.trace_hash != exchange.trace_hash) == (drawn.ranks() > 1));
}

TEST(SimulatedTest, FusedBucketsAroundOneThatSitsOutKeepApart) {
  const Case drawn = BucketsThatSitOut();
  const Workload workload(drawn);
  const Outcome outcome = Meet(workload, {.path = DataPath::kFused});
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.buckets, drawn.tensors.size());
}

// An element in two buckets would have the right value, and travel twice.
RC_GTEST_PROP(SimulatedTest, EachElementIsMovedOnce, ()) {
  Case drawn = *AnyCase();
  for (TensorSpec& tensor : drawn.tensors) tensor.sits_out = false;
  const Workload workload(drawn);
  const Outcome outcome = MustMeet(workload, *AnyVariation());
  RC_ASSERT(outcome.bytes_moved ==
            workload.BytesReceived() + HeaderBytes(drawn));
}

}  // namespace
}  // namespace parley::testing::properties
