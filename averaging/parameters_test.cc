// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/parameters.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace parley {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ParametersTest : public ::testing::Test {
 protected:
  TensorView Floats(int64_t begin, int64_t count) {
    return TensorView(memory_ + begin, DType::kFloat32, count);
  }
  TensorView Strided(std::vector<int64_t> shape, std::vector<int64_t> strides) {
    return *TensorView::Strided(memory_, DType::kFloat32, shape, strides);
  }

  static std::string Error(std::vector<ParameterGroup> groups) {
    return std::string(
        ParameterSet::Create(std::move(groups)).status().message());
  }
  static uint64_t Fingerprint(std::vector<ParameterGroup> groups) {
    return ParameterSet::Create(std::move(groups))->Fingerprint();
  }

  float memory_[100];
};

TEST_F(ParametersTest, KeepsOrderAndPolicies) {
  const auto parameters = ParameterSet::Create(
      {{.parameters = {{"b", Floats(0, 2)}, {"a", Floats(2, 3)}}},
       {.policy = Policy::kLeave, .parameters = {{"c", Floats(5, 4)}}}});
  ASSERT_TRUE(parameters.ok()) << parameters.status();
  ASSERT_EQ(parameters->entries().size(), 3);
  EXPECT_EQ(parameters->entries()[0].parameter.name, "b");
  EXPECT_EQ(parameters->entries()[2].policy, Policy::kLeave);
  EXPECT_EQ(parameters->count(), 9);
}

TEST_F(ParametersTest, NamesMustBeUniqueAndNotEmpty) {
  EXPECT_EQ(Error({{.parameters = {{"w", Floats(0, 2)}, {"", Floats(2, 3)}}}}),
            "parameter \"\" (float32[3]): the name is empty");
  EXPECT_EQ(
      Error({{.parameters = {{"w", Floats(0, 2)}}},
             {.policy = Policy::kLeave, .parameters = {{"w", Floats(2, 3)}}}}),
      "parameter \"w\" (float32[3]): the name is used twice");
}

TEST_F(ParametersTest, OverlappingMemoryIsRefused) {
  EXPECT_EQ(Error({{.parameters = {{"a", Floats(4, 5)}, {"b", Floats(0, 5)}}}}),
            "parameter \"a\" (float32[5]): overlaps the memory of parameter "
            "\"b\" (float32[5])");
  EXPECT_EQ(Error({{.parameters = {{"a", Floats(5, 5)}, {"b", Floats(0, 5)}}}}),
            "");
  // Tied weights.
  EXPECT_THAT(
      Error({{.parameters = {{"a", Floats(0, 5)}, {"b", Floats(0, 5)}}}}),
      HasSubstr("overlaps"));
  // Nothing overlaps with no elements.
  EXPECT_EQ(Error({{.parameters = {{"a", Floats(0, 5)}, {"b", Floats(2, 0)}}}}),
            "");
  EXPECT_THAT(Error({{.parameters = {{"a", Strided({4, 3}, {0, 1})}}}}),
              HasSubstr("its elements overlap"));
  EXPECT_THAT(Error({{.parameters = {{"a", Strided({4, 3}, {2, 1})}}}}),
              HasSubstr("its elements overlap"));
  EXPECT_EQ(Error({{.parameters = {{"a", Strided({4, 3}, {1, 4})}}}}), "");
  EXPECT_EQ(Error({{.parameters = {{"a", Strided({4, 3}, {5, 1})}}}}), "");
}

TEST_F(ParametersTest, PoliciesAllowDTypes) {
  for (DType dtype : kAllDTypes) {
    const TensorView tensor(memory_, dtype, 3);
    auto ok = [&](Policy policy) {
      return Error({{.policy = policy, .parameters = {{"t", tensor}}}}).empty();
    };
    EXPECT_EQ(ok(Policy::kAverage), IsFloating(dtype));
    EXPECT_EQ(ok(Policy::kIntegerMean),
              !IsFloating(dtype) && dtype != DType::kBool);
    EXPECT_TRUE(ok(Policy::kBroadcast));
    EXPECT_TRUE(ok(Policy::kLeave));
  }
  int64_t step = 0;
  EXPECT_THAT(Error({{.parameters = {{"step", TensorView::Of({&step, 1})}}}}),
              AllOf(HasSubstr("parameter \"step\" (int64[1])"),
                    HasSubstr("policy average")));
}

TEST_F(ParametersTest, MemoryMustBeThereAndOnOneDevice) {
  EXPECT_THAT(
      Error({{.parameters = {{"t", TensorView(nullptr, DType::kFloat32, 3)}}}}),
      HasSubstr("the data pointer is null"));
  const TensorView elsewhere(memory_ + 50, DType::kFloat32, 3,
                             {DeviceKind::kCuda, 1});
  EXPECT_THAT(Error({{.parameters = {{"a", Floats(0, 3)}, {"b", elsewhere}}}}),
              AllOf(HasSubstr("parameter \"b\""), HasSubstr("cuda:1")));
}

TEST_F(ParametersTest, FingerprintCoversWhatRanksShare) {
  const uint64_t base = Fingerprint({{.parameters = {{"a", Floats(0, 6)}}}});
  EXPECT_EQ(base, Fingerprint({{.parameters = {{"a", Floats(9, 6)}}}}));
  EXPECT_NE(base, Fingerprint({{.parameters = {{"b", Floats(0, 6)}}}}));
  EXPECT_NE(base, Fingerprint({{.parameters = {{"a", Floats(0, 7)}}}}));
  EXPECT_NE(base,
            Fingerprint({{.parameters = {{"a", Strided({2, 3}, {3, 1})}}}}));
  EXPECT_NE(base, Fingerprint({{.policy = Policy::kBroadcast,
                                .parameters = {{"a", Floats(0, 6)}}}}));
  // Channels-last on one rank only would mix up elements.
  EXPECT_NE(Fingerprint({{.parameters = {{"a", Strided({2, 3}, {3, 1})}}}}),
            Fingerprint({{.parameters = {{"a", Strided({2, 3}, {1, 2})}}}}));
  const std::vector<Parameter> ab = {{"a", Floats(0, 2)}, {"b", Floats(2, 2)}};
  const std::vector<Parameter> ba = {{"b", Floats(0, 2)}, {"a", Floats(2, 2)}};
  EXPECT_NE(Fingerprint({{.parameters = ab}}),
            Fingerprint({{.parameters = ba}}));
}

}  // namespace
}  // namespace parley
