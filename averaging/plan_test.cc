// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/plan.h"

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/averaging/codec/bfloat16_codec.h"
#include "parley/averaging/outer/nesterov_outer.h"
#include "parley/averaging/outer/plain_outer.h"
#include "parley/averaging/route/broadcast.h"
#include "parley/averaging/route/native_sum.h"
#include "parley/averaging/route/reproducible_mean.h"
#include "parley/base/random.h"
#include "parley/comm/shard.h"

namespace parley {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kPlenty = int64_t{1} << 40;

// Tensors at addresses that nobody reads.
class FakeMemory {
 public:
  void* Take(int64_t bytes) {
    next_ = (next_ / 128 + 2) * 128;
    return reinterpret_cast<void*>(std::exchange(next_, next_ + bytes));
  }

 private:
  int64_t next_ = 1 << 20;
};

ParameterSet Floats(const std::vector<int64_t>& counts) {
  FakeMemory memory;
  ParameterGroup group;
  for (int64_t count : counts) {
    group.parameters.push_back(
        {absl::StrCat("t", group.parameters.size()),
         TensorView(memory.Take(4 * count), DType::kFloat32, count)});
  }
  return *ParameterSet::Create({group});
}

// A tensor of up to four dimensions, dense, permuted or padded.
TensorView RandomTensor(Random& random, FakeMemory& memory, DType dtype) {
  std::vector<int64_t> shape(random.Uniform(5));
  for (int64_t& size : shape) {
    size =
        static_cast<int64_t>(random.Uniform(random.Uniform(8) == 0 ? 40 : 6));
  }
  std::vector<size_t> order(shape.size());
  for (size_t d = 0; d < order.size(); ++d) {
    order[d] = d;
    std::swap(order[d], order[random.Uniform(d + 1)]);
  }
  std::vector<int64_t> strides(shape.size());
  int64_t extent = 1;
  for (size_t d : order) {
    strides[d] = extent;
    extent *= std::max<int64_t>(1, shape[d]);
    if (random.Uniform(4) == 0)
      extent += static_cast<int64_t>(random.Uniform(3));
  }
  return *TensorView::Strided(memory.Take(8 * extent), dtype, shape, strides);
}

ParameterSet RandomParameters(Random& random) {
  FakeMemory memory;
  std::vector<ParameterGroup> groups(1 + random.Uniform(4));
  int name = 0;
  for (ParameterGroup& group : groups) {
    group.policy = static_cast<Policy>(random.Uniform(4));
    const size_t tensors = random.Uniform(9);
    while (group.parameters.size() < tensors) {
      const DType dtype = kAllDTypes[random.Uniform(kAllDTypes.size())];
      if (group.policy == Policy::kAverage && !IsFloating(dtype)) continue;
      if (group.policy == Policy::kIntegerMean &&
          (IsFloating(dtype) || dtype == DType::kBool)) {
        continue;
      }
      group.parameters.push_back(
          {absl::StrCat("t", name++), RandomTensor(random, memory, dtype)});
    }
  }
  groups.push_back({.parameters = {{"last", TensorView(memory.Take(4),
                                                       DType::kFloat32, 1)}}});
  return *ParameterSet::Create(groups);
}

// Addresses of a view's elements, in its row-major order.
std::vector<int64_t> Addresses(const TensorView& view) {
  std::vector<int64_t> addresses = {reinterpret_cast<int64_t>(view.data())};
  for (size_t d = 0; d < view.shape().size(); ++d) {
    std::vector<int64_t> next;
    for (int64_t address : addresses) {
      for (int64_t i = 0; i < view.shape()[d]; ++i) {
        next.push_back(address + i * view.strides()[d] * SizeOf(view.dtype()));
      }
    }
    addresses = std::move(next);
  }
  return addresses;
}

// Each element of what is exchanged is in one bucket, at the index that storage
// order gives it, and pieces fill their buckets without gaps.
void ExpectEachElementOnce(const ParameterSet& parameters,
                           const AveragingPlan& plan) {
  std::vector<std::map<int64_t, int64_t>> index_of(parameters.entries().size());
  int next_piece = 0;
  for (const Bucket& bucket : plan.buckets()) {
    EXPECT_EQ(bucket.first_piece,
              std::exchange(next_piece, next_piece + bucket.num_pieces));
    EXPECT_GT(bucket.num_pieces, 0);
    EXPECT_LE(bucket.count,
              std::max<int64_t>(1, plan.bucket_bytes() / SizeOf(bucket.dtype)));
    if (bucket.in_place) {
      EXPECT_EQ(bucket.num_pieces, 1);
    }
    int64_t offset = 0;
    for (int i = 0; i < bucket.num_pieces; ++i) {
      const Piece& piece = plan.pieces()[bucket.first_piece + i];
      const auto& entry = parameters.entries()[piece.parameter];
      EXPECT_EQ(entry.policy, bucket.policy);
      EXPECT_EQ(entry.parameter.tensor.dtype(), bucket.dtype);
      EXPECT_EQ(piece.offset, offset);
      EXPECT_GT(piece.view.count(), 0);
      offset += piece.view.count();
      int64_t index = piece.first_index;
      for (int64_t address : Addresses(piece.view)) {
        EXPECT_TRUE(index_of[piece.parameter].emplace(address, index++).second);
      }
    }
    EXPECT_EQ(offset, bucket.count - bucket.padding);
    EXPECT_LT(bucket.padding * SizeOf(bucket.dtype), plan.world_size() * 128);
  }
  EXPECT_EQ(next_piece, plan.pieces().size());
  for (size_t p = 0; p < index_of.size(); ++p) {
    const auto& entry = parameters.entries()[p];
    std::vector<int64_t> expected = Addresses(entry.parameter.tensor);
    if (entry.policy == Policy::kLeave) expected.clear();
    std::sort(expected.begin(), expected.end());
    ASSERT_EQ(index_of[p].size(), expected.size());
    int64_t index = 0;
    for (const auto& [address, got] : index_of[p]) {
      EXPECT_EQ(address, expected[static_cast<size_t>(index)]);
      EXPECT_EQ(got, index++);
    }
  }
}

int64_t LeastBudget(const ParameterSet& parameters, PlanOptions options) {
  options.max_extra_bytes = 0;
  const std::string message(
      AveragingPlan::Create(parameters, options).status().message());
  const std::string text = "max_extra_bytes: 0, must be at least ";
  EXPECT_THAT(message, HasSubstr(text));
  int64_t least = 0;
  const size_t end = message.find(' ', text.size());
  EXPECT_TRUE(
      absl::SimpleAtoi(message.substr(text.size(), end - text.size()), &least));
  return least;
}

TEST(PlanTest, EachElementIsExchangedOnceForAnySizesAndBudgets) {
  constexpr uint64_t kSeed = 20260101;
  std::cout << "seed " << kSeed << "\n";
  for (uint64_t round = 0; round < 80; ++round) {
    SCOPED_TRACE(round);
    Random random = Random(kSeed).Fork("plan", round);
    const ParameterSet parameters = RandomParameters(random);
    PlanOptions options;
    options.world_size = static_cast<int>(2 + random.Uniform(7));
    options.preferred_bucket_bytes =
        static_cast<int64_t>(1 + random.Uniform(1u << random.Uniform(14)));
    const int64_t least = LeastBudget(parameters, options);
    for (int64_t budget :
         {least, least + static_cast<int64_t>(random.Uniform(10'000)),
          kPlenty}) {
      options.max_extra_bytes = budget;
      const auto plan = AveragingPlan::Create(parameters, options);
      ASSERT_TRUE(plan.ok()) << plan.status();
      EXPECT_LE(plan->peak_bytes(), budget);
      ExpectEachElementOnce(parameters, *plan);
    }
    options.max_extra_bytes = least - 1;
    EXPECT_FALSE(AveragingPlan::Create(parameters, options).ok());
  }
}

// One packed bucket takes less than two of half its size, which are under way
// together; smaller ones take less again.
TEST(PlanTest, ASizeThatTakesMoreDoesNotEndTheSearch) {
  constexpr int64_t kBudget = 80 << 10;
  PlanOptions options = {.world_size = 3};
  const ParameterSet parameters = Floats({20'000, 216, 8, 5});
  EXPECT_LT(LeastBudget(parameters, options), kBudget);
  options.max_extra_bytes = kBudget;
  const auto plan = AveragingPlan::Create(parameters, options);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_LE(plan->peak_bytes(), kBudget);
  ExpectEachElementOnce(parameters, *plan);
}

// What torchft's bucketizer loses.
TEST(PlanTest, TensorsThatDoNotFitABucketAreSplit) {
  for (const std::vector<int64_t>& counts :
       {std::vector<int64_t>{6, 6, 6}, {5, 5, 5, 5}, {3, 3, 3, 3}, {100, 1}}) {
    const ParameterSet parameters = Floats(counts);
    const auto plan = AveragingPlan::Create(
        parameters, {.world_size = 2, .preferred_bucket_bytes = 8 * 4});
    ASSERT_TRUE(plan.ok());
    ExpectEachElementOnce(parameters, *plan);
  }
}

TEST(PlanTest, LargeTensorsStayInPlaceAndSmallOnesShareBuckets) {
  const auto plan = AveragingPlan::Create(
      Floats({1000, 10, 20, 256 * 1024}),
      {.world_size = 4, .preferred_bucket_bytes = 512 * 1024});
  ASSERT_TRUE(plan.ok());
  ASSERT_EQ(plan->buckets().size(), 3);
  EXPECT_TRUE(plan->buckets()[0].in_place);
  EXPECT_EQ(plan->buckets()[0].count, 128 * 1024);
  EXPECT_TRUE(plan->buckets()[1].in_place);
  EXPECT_FALSE(plan->buckets()[2].in_place);
  // 122 more, so that shards are 9 times 128 bytes.
  EXPECT_EQ(plan->buckets()[2].count, 1152);
  EXPECT_EQ(plan->exchange_bytes(), 512 * 1024);
  EXPECT_EQ(plan->stage_bytes(), 128 * 1024);
  EXPECT_EQ(
      plan->ToString(),
      absl::StrCat("4 parameters on 4 ranks: 3 buckets of at most 524288 "
                   "bytes, ",
                   plan->peak_bytes(),
                   " bytes beyond the model\n"
                   "  bucket 0: reproducible_mean of 131072 float32 in place: "
                   "t3[0,131072)\n"
                   "  bucket 1: reproducible_mean of 131072 float32 in place: "
                   "t3[131072,262144)\n"
                   "  bucket 2: reproducible_mean of 1152 float32 packed with "
                   "122 zeros: t0[0,1000), t1[0,10), t2[0,20)\n"));
}

TEST(PlanTest, ABaseThatIsNotAlignedIsReported) {
  const auto parameters = ParameterSet::Create(
      {{.parameters = {{"t", TensorView(reinterpret_cast<void*>(4096 + 64),
                                        DType::kFloat32, 128 * 1024)}}}});
  ASSERT_TRUE(parameters.ok());
  const auto plan = AveragingPlan::Create(
      *parameters, {.world_size = 2, .preferred_bucket_bytes = 512 * 1024});
  ASSERT_TRUE(plan.ok());
  EXPECT_THAT(plan->ToString(),
              HasSubstr("in place, not aligned to 128 bytes: t[0,131072)"));
}

TEST(PlanTest, WhatIsLeftOfALargeTensorIsPacked) {
  const auto plan = AveragingPlan::Create(Floats({100'003}), {.world_size = 3});
  ASSERT_TRUE(plan.ok());
  ASSERT_EQ(plan->buckets().size(), 3);
  // In units of 96 elements, 128 bytes for each rank: 521, 520, and 67
  // elements.
  EXPECT_EQ(plan->buckets()[0].count, 521 * 96);
  EXPECT_EQ(plan->buckets()[1].count, 520 * 96);
  EXPECT_EQ(plan->buckets()[2].count, 67);
  EXPECT_EQ(plan->buckets()[2].padding, 0);  // less than a unit
  EXPECT_EQ(plan->pieces()[2].first_index, 1041 * 96);
}

// Elements of the tensors of a transformer: of each layer, and once.
struct ModelShape {
  absl::string_view name;
  int layers;
  std::vector<int64_t> layer;
  std::vector<int64_t> once;
};

std::vector<ModelShape> RealShapes() {
  const auto llama = [](absl::string_view name, int layers, int64_t width,
                        int64_t kv, int64_t hidden, int64_t words) {
    return ModelShape{
        name,
        layers,
        {width * width, width * kv, width * kv, width * width, width * hidden,
         width * hidden, width * hidden, width, width},
        {words * width, words * width, width}};
  };
  return {{"GPT-2 XL",
           48,
           {1600, 1600, 1600 * 4800, 4800, 1600 * 1600, 1600, 1600, 1600,
            1600 * 6400, 6400, 6400 * 1600, 1600},
           {50257 * 1600, 1024 * 1600, 1600, 1600}},
          llama("Llama-2-7B", 32, 4096, 4096, 11008, 32000),
          llama("Llama-2-70B", 80, 8192, 1024, 28672, 32000),
          llama("Llama-3-8B", 32, 4096, 1024, 14336, 128256)};
}

ParameterSet ParametersOf(const ModelShape& shape, DType dtype) {
  FakeMemory memory;
  ParameterGroup group;
  const auto add = [&](const std::vector<int64_t>& counts) {
    for (int64_t count : counts) {
      group.parameters.push_back(
          {absl::StrCat("t", group.parameters.size()),
           TensorView(memory.Take(count * SizeOf(dtype)), dtype, count)});
    }
  };
  for (int layer = 0; layer < shape.layers; ++layer) add(shape.layer);
  add(shape.once);
  return *ParameterSet::Create({group});
}

void ExpectAlignedShards(const AveragingPlan& plan) {
  const int ranks = plan.world_size();
  for (const Bucket& bucket : plan.buckets()) {
    if (bucket.bytes() < ranks * 128) continue;
    const Piece& first = plan.pieces()[bucket.first_piece];
    const int64_t size = SizeOf(bucket.dtype);
    ASSERT_EQ(ShardOf(bucket.count, ranks, 0).count * size % 128, 0)
        << first.parameter;
    if (!bucket.in_place) continue;
    ASSERT_EQ(first.first_index * size % 128, 0) << first.parameter;
  }
}

// NCCL moves byte by byte what is not.
TEST(PlanTest, ShardsOfRealModelsAreAligned) {
  for (const ModelShape& shape : RealShapes()) {
    for (DType dtype : {DType::kFloat32, DType::kBFloat16}) {
      const ParameterSet parameters = ParametersOf(shape, dtype);
      for (int ranks = 2; ranks <= 9; ++ranks) {
        SCOPED_TRACE(absl::StrCat(shape.name, " of ", Name(dtype), " on ",
                                  ranks, " ranks"));
        const auto plan = AveragingPlan::Create(
            parameters, {.world_size = ranks,
                         .preferred_bucket_bytes = 16 << 20,
                         .max_extra_bytes = kPlenty});
        ASSERT_TRUE(plan.ok()) << plan.status();
        ExpectAlignedShards(*plan);
      }
    }
  }
}

TEST(PlanTest, BytesReceivedAreThoseOfTheExchange) {
  const auto plan = AveragingPlan::Create(Floats({10}), {.world_size = 4});
  ASSERT_TRUE(plan.ok());
  // Shards of 3, 3, 3 and 1 elements.
  const Bucket& bucket = plan->buckets()[0];
  EXPECT_EQ(plan->BytesReceived(bucket, 0), 4 * (3 * 3 + 7));
  EXPECT_EQ(plan->BytesReceived(bucket, 3), 4 * (3 * 1 + 9));
}

// A ring's, as the simulator counts them.
TEST(PlanTest, BytesReceivedOfANativeSumAreThoseOfARing) {
  const auto plan = AveragingPlan::Create(
      Floats({10}), {.world_size = 4, .reduction = Reduction::kNative});
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->BytesReceived(plan->buckets()[0], 0), 2 * 3 * 40 / 4);
  EXPECT_EQ(plan->BytesReceived(plan->buckets()[0], 3), 2 * 3 * 40 / 4);
}

TEST(PlanTest, ANativeSumNeedsNoSecondArea) {
  const PlanOptions options = {.world_size = 4, .max_extra_bytes = kPlenty};
  PlanOptions native = options;
  native.reduction = Reduction::kNative;
  const ParameterSet parameters = Floats({1000, 10, 20});
  const auto exchanged = AveragingPlan::Create(parameters, options);
  const auto summed = AveragingPlan::Create(parameters, native);
  ASSERT_TRUE(exchanged.ok() && summed.ok());
  EXPECT_EQ(exchanged->buckets()[0].route, &ReproducibleMean());
  EXPECT_EQ(summed->buckets()[0].route, &NativeSum());
  EXPECT_EQ(exchanged->stage_bytes(), 4 * 1152);
  EXPECT_EQ(summed->stage_bytes(), 0);
  EXPECT_EQ(summed->exchange_bytes(), 4 * 1152);
  EXPECT_LT(summed->peak_bytes(), exchanged->peak_bytes());
  EXPECT_THAT(summed->ToString(),
              HasSubstr("bucket 0: native_sum of 1152 float32 packed"));
  EXPECT_NE(summed->Fingerprint(), exchanged->Fingerprint());
}

// Others are formed as ever.
TEST(PlanTest, OnlyFloatingPointMeansAreNative) {
  FakeMemory memory;
  const auto parameters = ParameterSet::Create(
      {{.policy = Policy::kIntegerMean,
        .parameters = {{"i",
                        TensorView(memory.Take(400), DType::kInt32, 100)}}},
       {.policy = Policy::kBroadcast,
        .parameters = {
            {"b", TensorView(memory.Take(400), DType::kFloat32, 100)}}}});
  ASSERT_TRUE(parameters.ok());
  const auto plan = AveragingPlan::Create(
      *parameters, {.world_size = 4, .reduction = Reduction::kNative});
  ASSERT_TRUE(plan.ok());
  ASSERT_EQ(plan->buckets().size(), 2);
  EXPECT_EQ(plan->buckets()[0].route, &ReproducibleMean());
  EXPECT_EQ(plan->buckets()[1].route, &Broadcast());
  EXPECT_EQ(plan->stage_bytes(), 400);
  EXPECT_EQ(plan->BytesReceived(plan->buckets()[0], 0), 2 * 3 * 100);
}

TEST(PlanTest, AWorldOfOneExchangesNothing) {
  const auto plan = AveragingPlan::Create(
      Floats({10}), {.world_size = 1, .max_extra_bytes = 0});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(plan->buckets().empty());
  EXPECT_EQ(plan->peak_bytes(), 0);
}

TEST(PlanTest, BadOptionsAreRefusedWithTheValue) {
  const ParameterSet parameters = Floats({10});
  auto error = [&](const PlanOptions& options) {
    return std::string(
        AveragingPlan::Create(parameters, options).status().message());
  };
  EXPECT_EQ(error({.world_size = 0}), "world_size: 0, must be at least 1");
  EXPECT_EQ(error({.preferred_bucket_bytes = 0}),
            "preferred_bucket_bytes: 0, must be at least 1");
  EXPECT_EQ(error({.max_extra_bytes = -5}),
            "max_extra_bytes: -5, must be at least 0");
  EXPECT_EQ(
      AveragingPlan::Create(ParameterSet(), {}).status().message(),
      "parameters: there are 0, none of which is to be averaged or broadcast");
}

TEST(PlanTest, CodecsThatCannotWorkAreRefused) {
  const auto error = [](DType dtype, PlanOptions options) {
    FakeMemory memory;
    const ParameterSet parameters = *ParameterSet::Create(
        {{.parameters = {{"w", TensorView(memory.Take(800), dtype, 100)}}}});
    options.world_size = 2;
    options.codec = BFloat16Codec();
    return std::string(
        AveragingPlan::Create(parameters, options).status().message());
  };
  EXPECT_EQ(error(DType::kFloat32, {.outer = PlainOuter()}), "");
  EXPECT_EQ(error(DType::kFloat32, {}),
            "codec: bfloat16, which needs an anchor: give an outer optimizer, "
            "PlainOuter() for the plain mean");
  EXPECT_EQ(error(DType::kFloat32,
                  {.reduction = Reduction::kNative, .outer = PlainOuter()}),
            "codec: bfloat16, but reduction: native, which sums what is sent; "
            "leave one of them out");
  EXPECT_EQ(error(DType::kFloat16, {.outer = PlainOuter()}),
            "codec: bfloat16, which encodes float32, but parameter \"w\" is "
            "float16");
}

TEST(PlanTest, AnOuterStepIsShown) {
  const PlanOptions options = {.world_size = 2, .outer = NesterovOuter()};
  const auto plan = AveragingPlan::Create(Floats({10}), options);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->state_bytes(), 2 * 128);
  EXPECT_THAT(plan->ToString(),
              HasSubstr("bytes beyond the model, 256 beside it for nesterov, "
                        "learning_rate 0.7, momentum 0.9\n"));
}

TEST(PlanTest, FingerprintCoversTheLayout) {
  const ParameterSet parameters = Floats({1000, 10, 20});
  auto fingerprint = [&](const PlanOptions& options) {
    return AveragingPlan::Create(parameters, options)->Fingerprint();
  };
  const uint64_t base = fingerprint({.world_size = 2});
  EXPECT_EQ(base, fingerprint({.world_size = 2}));
  EXPECT_NE(base, fingerprint({.world_size = 3}));
  EXPECT_NE(base,
            fingerprint({.world_size = 2, .preferred_bucket_bytes = 256}));
}

}  // namespace
}  // namespace parley
