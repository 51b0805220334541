// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/participation.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace parley {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ParticipationTest : public ::testing::Test {
 protected:
  Parameter Make(const char* name, int index, const bool* flag) {
    Parameter parameter{name, TensorView(memory_ + index, DType::kFloat32, 1)};
    if (flag != nullptr) parameter.takes_part = [flag] { return *flag; };
    return parameter;
  }

  float memory_[10];
  bool a_ = true;
  bool b_ = true;
};

TEST_F(ParticipationTest, AsksEachTime) {
  const ParameterSet parameters = *ParameterSet::Create(
      {{.parameters = {Make("a", 0, &a_), Make("b", 1, &b_), Make("c", 2, {})}},
       {.policy = Policy::kLeave, .parameters = {Make("d", 3, {})}}});
  Participation participation(parameters);
  EXPECT_THAT(participation.flags(), ElementsAre(1, 1, 1, 0));
  EXPECT_EQ(participation.ToString(), "with all");
  const uint64_t all = participation.Fingerprint();

  a_ = b_ = false;
  EXPECT_TRUE(participation.Ask().ok());
  EXPECT_THAT(participation.flags(), ElementsAre(0, 0, 1, 0));
  EXPECT_EQ(participation.count(), 1);
  EXPECT_EQ(participation.ToString(), "without a, b");
  EXPECT_NE(participation.Fingerprint(), all);

  b_ = true;
  EXPECT_TRUE(participation.Ask().ok());
  EXPECT_THAT(participation.flags(), ElementsAre(0, 1, 1, 0));
}

TEST_F(ParticipationTest, NothingAtAllIsAnErrorThatNamesTheCause) {
  const ParameterSet parameters = *ParameterSet::Create(
      {{.parameters = {Make("a", 0, &a_), Make("b", 1, &b_)}},
       {.policy = Policy::kLeave, .parameters = {Make("d", 3, {})}}});
  Participation participation(parameters);
  a_ = b_ = false;
  const absl::Status status = participation.Ask();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("takes_part of all 2 says no (were gradients"));
}

}  // namespace
}  // namespace parley
