// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What the averager makes of a model, for models, weights and values of all
// kinds: the mean of tests/support/reference.h, bit for bit, and nothing else,
// however the model is cut, ordered, scheduled and moved. On any backend; what
// only the simulator has or knows is in simulated_test.cc.
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "parley/averaging/plan.h"
#include "parley/tests/properties/cases.h"
#include "parley/tests/properties/meetings.h"
#include "parley/tests/properties/rapidcheck.h"

namespace parley::testing::properties {
namespace {

// Any budget, order of tensors and number of ranks at a time: the same bits,
// those of the reference, and thus the same fingerprints.
RC_GTEST_PROP(AveragingTest, ResultsAreTheReferenceForAnyVariation, ()) {
  const Case drawn = *AnyCase();
  const auto variations =
      *rc::gen::container<std::vector<Variation>>(3, AnyVariation());
  const Workload workload(drawn);
  const Outcome first = MustMeet(workload, variations[0]);
  for (const Variation& variation : variations) {
    RC_ASSERT(MustMeet(workload, variation).fingerprints == first.fingerprints);
  }
}

RC_GTEST_PROP(AveragingTest, EachElementTravelsOnce, ()) {
  Case drawn = *AnyCase();
  for (TensorSpec& tensor : drawn.tensors) tensor.sits_out = false;
  const Workload workload(drawn);
  const Outcome outcome = MustMeet(workload, *AnyVariation());
  RC_ASSERT(outcome.bytes_reported ==
            workload.BytesReceived() + outcome.padding_bytes);
}

// What the host may run ahead by, and what a tensor's parts are, differ only
// where there are many buckets.
TEST(AveragingTest, ManyBucketsToATensorAndManyTensorsToABucket) {
  Case many;
  many.seed = 20260102;
  SCOPED_TRACE(many.seed);
  for (auto& weights : many.weights) weights = {1, 0.3, 0, 7};
  many.tensors = {
      {"dense", Policy::kAverage, DType::kFloat32, {60'001}, {1}},
      {"strided", Policy::kAverage, DType::kBFloat16, {150, 101}, {1, 151}},
      {"a", Policy::kAverage, DType::kFloat32, {9, 5}, {1, 9}},
      {"sent", Policy::kBroadcast, DType::kInt64, {6000}, {1}},
      {"b", Policy::kAverage, DType::kFloat32, {}, {}},
      {"empty", Policy::kAverage, DType::kFloat32, {0}, {1}},
      {"counts", Policy::kIntegerMean, DType::kInt32, {7}, {2}}};
  const Workload workload(many);
  for (const bool on_a_stream : {false, true}) {
    const Outcome outcome =
        Meet(workload, {.on_a_stream = on_a_stream, .slow_kernels = true});
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_GT(outcome.buckets, AveragingPlan::kLookAhead);
    EXPECT_EQ(outcome.bytes_reported,
              workload.BytesReceived() + outcome.padding_bytes);
  }
}

// Buckets that follow one another only because those between them sit out must
// not share staging memory: an average came out as its neighbour's.
TEST(AveragingTest, BucketsAroundOneThatSitsOutKeepApart) {
  const Case drawn = BucketsThatSitOut();
  const Workload workload(drawn);
  const Outcome outcome = Meet(workload, {});
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.buckets, drawn.tensors.size());
}

}  // namespace
}  // namespace parley::testing::properties
