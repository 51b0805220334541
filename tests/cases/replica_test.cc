// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The checker of all cases: that what it compares with is right, and that it
// sees one wrong bit anywhere.
#include "parley/tests/cases/replica.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace parley::testing {
namespace {

using ::testing::HasSubstr;

// Rows of 3 of which 2 are elements, a vector, and tensors that have no mean.
std::vector<GroupSpec> Specs() {
  return {{.tensors = {{.name = "columns", .shape = {4, 2}, .strides = {3, 1}},
                       {.name = "w", .dtype = DType::kBFloat16, .shape = {9}}}},
          {.policy = Policy::kBroadcast,
           .tensors = {{.name = "b", .dtype = DType::kInt64, .shape = {3}}}},
          {.policy = Policy::kLeave,
           .tensors = {{.name = "l", .dtype = DType::kInt32, .shape = {3}}}}};
}

TEST(ReplicaTest, ReplicasDiffer) {
  Replica zero(0, Specs());
  Replica one(1, Specs());
  Replica later(0, Specs());
  later.Train(7);
  EXPECT_TRUE(zero.CheckOwn(-1).ok());
  EXPECT_TRUE(later.CheckOwn(7).ok());
  for (const char* name : {"columns", "w", "b", "l"}) {
    EXPECT_FALSE(later.CheckOwn(name, -1).ok()) << name;
    one.SetBytes(zero.Bytes());
    EXPECT_FALSE(one.CheckOwn(name, -1).ok()) << name;
  }
}

TEST(ReplicaTest, TheMeanIsThatOfTheSources) {
  const std::vector<GroupSpec> specs = {
      {.tensors = {{.name = "x", .dtype = DType::kFloat64, .shape = {40}}}}};
  Replica zero(0, specs);
  Replica one(1, specs);
  Replica mean(2, specs);
  for (double weight : {1.0, 3.0}) {
    zero.Train(5);
    one.Train(6);
    for (size_t i = 0; i < 40; ++i) {
      const double x =
          (zero.Values<double>("x")[i] + weight * one.Values<double>("x")[i]) /
          (1 + weight);
      mean.Values<double>("x")[i] =
          std::isnan(x) ? std::numeric_limits<double>::quiet_NaN() : x;
    }
    EXPECT_TRUE(mean.CheckMean({{0, 5}, {1, 6, weight}}).ok());
    EXPECT_TRUE(mean.CheckMean({{0, 5}, {2, 6, 0}, {1, 6, weight}}).ok());
    EXPECT_FALSE(mean.CheckMean({{0, 5}, {1, 6, 2}}).ok());
    EXPECT_FALSE(mean.CheckMean({{0, 5}, {1, 5, weight}}).ok());
    EXPECT_FALSE(mean.CheckMean({{0, 5}, {2, 6, weight}}).ok());
  }
}

TEST(ReplicaTest, PoliciesThatMakeNoMean) {
  Replica replica(1, Specs());
  replica.Train(0);
  EXPECT_TRUE(replica.CheckMean("b", {{1, 0, 0}, {0, 0}}).ok());
  EXPECT_FALSE(replica.CheckMean("b", {{0, 0}, {1, 0}}).ok());
  EXPECT_TRUE(replica.CheckMean("l", {{0, 0}, {2, 0}}).ok());
  replica.Values<int32_t>("l")[0] ^= 1;
  EXPECT_FALSE(replica.CheckMean("l", {{0, 0}, {2, 0}}).ok());
}

TEST(ReplicaTest, OneBitIsSeen) {
  Replica replica(3, Specs());
  ASSERT_TRUE(replica.CheckOwn(-1).ok());
  replica.Values<uint16_t>("w")[8] ^= 1;
  EXPECT_THAT(std::string(replica.CheckOwn(-1).message()),
              HasSubstr("w[8], a bfloat16, has the bytes "));
  replica.Values<uint16_t>("w")[8] ^= 1;
  EXPECT_TRUE(replica.CheckOwn(-1).ok());
}

TEST(ReplicaTest, GapsAndGuardsAreWatched) {
  Replica replica(3, Specs());
  const std::vector<ParameterGroup> groups = replica.Groups();
  for (const Parameter& parameter : groups[0].parameters) {
    const bool columns = parameter.name == "columns";
    auto* bytes = static_cast<char*>(parameter.tensor.data());
    const std::vector<int> offsets = columns
                                         ? std::vector<int>{-64, -1, 8, 44, 107}
                                         : std::vector<int>{-64, -1, 18, 81};
    for (int offset : offsets) {
      bytes[offset] ^= 1;
      EXPECT_THAT(std::string(replica.CheckOwn(-1).message()),
                  HasSubstr(parameter.name + ": byte " +
                            std::to_string(offset) + " from its first"));
      bytes[offset] ^= 1;
    }
  }
  EXPECT_TRUE(replica.CheckOwn(-1).ok());
}

}  // namespace
}  // namespace parley::testing
