// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The mean of equal replicas is the replica, bit for bit, for any number of
// ranks, in the dtypes that models are trained in. One more rank, of weight 0
// and with other values, shows that it is a mean that they are given.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "parley/averaging/model_averager.h"
#include "parley/base/random.h"
#include "parley/base/status_macros.h"
#include "parley/device/testing/values.h"
#include "parley/sim/world.h"
#include "parley/tests/properties/rapidcheck.h"
#include "parley/tests/properties/replica.h"
#include "parley/tests/support/backend.h"
#include "parley/tests/support/reference.h"
#include "parley/tests/support/tested_averager.h"

namespace parley::testing::properties {
namespace {

constexpr int kMostRanks = 17;

struct Tensor {
  TensorSpec spec;
  Elements equal;
  Elements other;
};

Tensor MakeTensor(DType dtype, Elements equal) {
  Tensor tensor;
  tensor.spec.name = std::string(Name(dtype));
  tensor.spec.dtype = dtype;
  tensor.spec.shape = {static_cast<int64_t>(equal.size()) / SizeOf(dtype)};
  tensor.spec.strides = {1};
  tensor.other = equal;
  // Differ in every element.
  for (unsigned char& byte : tensor.other) byte ^= 1;
  tensor.equal = std::move(equal);
  return tensor;
}

// All but infinities and NaNs, which become the largest number of their sign.
void MakeFinite(DType dtype, Elements& elements) {
  const auto size = static_cast<size_t>(SizeOf(dtype));
  const uint32_t infinity = dtype == DType::kFloat32   ? 0x7f800000
                            : dtype == DType::kFloat16 ? 0x7c00
                                                       : 0x7f80;
  for (size_t i = 0; i < elements.size(); i += size) {
    if (std::isfinite(ToDouble(dtype, &elements[i]))) continue;
    uint32_t bits = 0;
    std::memcpy(&bits, &elements[i], size);
    const uint32_t sign = bits & uint32_t{1} << (8 * size - 1);
    bits = sign | (infinity - 1);
    std::memcpy(&elements[i], &bits, size);
  }
}

// Ranks [0, n] meet as equals, and then once more, with an outsider that has
// other values and weight 0.
absl::Status RunRank(const std::vector<Tensor>& tensors, int outsider,
                     double weight, sim::RankContext& rank) {
  std::vector<Layout> layouts;
  for (const Tensor& tensor : tensors) layouts.emplace_back(tensor.spec);
  Replica replica(layouts, rank.communicator().device());
  ParameterGroup group;
  for (size_t t = 0; t < tensors.size(); ++t) {
    replica.Set(t,
                rank.rank() == outsider ? tensors[t].other : tensors[t].equal);
    group.parameters.push_back({tensors[t].spec.name, replica.view(t)});
  }
  ModelAveragerOptions options;
  options.communicator = &rank.communicator();
  PARLEY_ASSIGN_OR_RETURN(options.parameters, ParameterSet::Create({group}));
  options.schedule = PeriodicSchedule({.period = 1});
  options.fingerprint = false;  // not what this is about, and slow
  PARLEY_ASSIGN_OR_RETURN(auto averager,
                          TestedAverager::Create(std::move(options)));
  for (const double outsiders : {weight, 0.0}) {
    const bool differs = rank.rank() == outsider && outsiders == 0;
    for (size_t t = 0; t < tensors.size(); ++t) {
      replica.Set(t, differs ? tensors[t].other : tensors[t].equal);
    }
    const double mine = rank.rank() == outsider ? outsiders : weight;
    PARLEY_RETURN_IF_ERROR(averager->Step({.weight = mine}).status());
    for (size_t t = 0; t < tensors.size(); ++t) {
      PARLEY_RETURN_IF_ERROR(replica.Expect(t, tensors[t].equal));
    }
  }
  return absl::OkStatus();
}

absl::Status AverageEqualReplicas(const std::vector<Tensor>& tensors, int n,
                                  int outsider, double weight) {
  return RunWorld(
             {.ranks = n + 1, .check_buffers = false, .hash_payloads = false},
             [&](sim::RankContext& rank) {
               return RunRank(tensors, outsider, weight, rank);
             })
      .status;
}

RC_GTEST_PROP(EqualReplicasTest, StayThemselves, ()) {
  Random random(*rc::gen::arbitrary<uint64_t>());
  const auto count = *rc::gen::inRange<int64_t>(1, 500);
  std::vector<Tensor> tensors;
  for (DType dtype : {DType::kFloat32, DType::kFloat16, DType::kBFloat16}) {
    Elements elements(static_cast<size_t>(count * SizeOf(dtype)));
    FillWithHardValues(random, dtype, count, elements.data());
    MakeFinite(dtype, elements);
    tensors.push_back(MakeTensor(dtype, std::move(elements)));
  }
  const int n =
      *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(2, kMostRanks + 1));
  const int outsider = static_cast<int>(random.Uniform(n + 1));
  const double weight = *rc::gen::element(1.0, 0.1, 3e5);
  const absl::Status status =
      AverageEqualReplicas(tensors, n, outsider, weight);
  if (!status.ok()) RC_FAIL(status.ToString());
}

// Every finite magnitude there is, every other one with a sign, for every
// number of ranks.
TEST(EqualReplicasTest, AllNumbersOf16BitsStayThemselves) {
  std::vector<Tensor> tensors;
  for (DType dtype : {DType::kFloat16, DType::kBFloat16}) {
    Elements elements(2 << 15);
    for (uint32_t i = 0; i < 1 << 15; ++i) {
      // -0 first.
      const uint32_t bits = i | (i % 2 == 0 ? 0x8000 : 0);
      std::memcpy(&elements[size_t{2} * i], &bits, 2);
    }
    MakeFinite(dtype, elements);
    tensors.push_back(MakeTensor(dtype, std::move(elements)));
  }
  for (int n = 2; n <= kMostRanks; ++n) {
    const absl::Status status =
        AverageEqualReplicas(tensors, n, /*outsider=*/n / 2, /*weight=*/1);
    EXPECT_TRUE(status.ok()) << n << " ranks: " << status;
  }
}

}  // namespace
}  // namespace parley::testing::properties
