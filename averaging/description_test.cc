// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/description.h"

#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace parley {
namespace {

Description Periodic() {
  Description description;
  description.Set("kind", "periodic");
  description.Set("period", 8);
  description.Set("seen", Description::Bits{255});
  return description;
}

TEST(DescriptionTest, ReadsAsAText) {
  EXPECT_EQ(ToString(Periodic()),
            "periodic, period 8, seen 0x00000000000000ff");
  EXPECT_EQ(ToString(Description()), "");
}

TEST(DescriptionTest, AFieldKeepsItsPlace) {
  Description description = Periodic();
  description.Set("period", -4);
  EXPECT_EQ(ToString(description),
            "periodic, period -4, seen 0x00000000000000ff");
}

TEST(DescriptionTest, AppendedFieldsHaveAPrefix) {
  Description description;
  description.Set("version", 2);
  description.Append("schedule", Periodic());
  EXPECT_EQ(ToString(description),
            "2, schedule.kind periodic, schedule.period 8, schedule.seen "
            "0x00000000000000ff");
}

// Names, values, types, the order and the number of fields.
TEST(DescriptionTest, TheHashIsOfEverything) {
  std::vector<Description> all(9);
  all[1] = Periodic();
  all[2] = Periodic();
  all[2].Set("period", 9);
  all[3] = Periodic();
  all[3].Set("period", "8");
  all[4] = Periodic();
  all[4].Set("period", Description::Bits{8});
  all[5].Set("period", 8);
  all[5].Set("kind", "periodic");
  all[5].Set("seen", Description::Bits{255});
  all[6].Append("schedule", Periodic());
  all[7] = Periodic();
  all[7].Set("last", 0);
  all[8] = Periodic();
  all[8].Set("kind", "period");
  std::set<uint64_t> hashes;
  for (const Description& description : all) {
    EXPECT_TRUE(hashes.insert(description.Hash()).second)
        << ToString(description);
  }
}

TEST(DescriptionTest, TheHashIsThatOfTheLastValues) {
  Description description = Periodic();
  description.Set("period", 4);
  EXPECT_NE(description.Hash(), Periodic().Hash());
  description.Set("period", 8);
  EXPECT_EQ(description.Hash(), Periodic().Hash());
}

}  // namespace
}  // namespace parley
