// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/difference.h"

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "parley/base/status_macros.h"
#include "parley/sim/world.h"

namespace parley {
namespace {

// Fields f0 to f199: more than travel at a time.
Description Numbers(int count = 200) {
  Description description;
  for (int i = 0; i < count; ++i) {
    description.Set(absl::StrCat("f", i), int64_t{1000} + i);
  }
  return description;
}

// The same with a field named `last` at `index`, in front of what was there.
Description Inserted(int index, absl::string_view name) {
  Description description;
  for (int i = 0; i < 200; ++i) {
    if (i == index) description.Set(name, 7);
    description.Set(absl::StrCat("f", i), int64_t{1000} + i);
  }
  return description;
}

// What four ranks find, of which rank 2 has `two` and the others `others`.
std::string Difference(const Description& two, const Description& others,
                       const std::string& note_of_two = "") {
  sim::World world({.ranks = 4});
  std::string found;
  const sim::Report report =
      world.Run([&](sim::RankContext& rank) -> absl::Status {
        PARLEY_ASSIGN_OR_RETURN(auto hosts,
                                HostCollectives::Create(rank.communicator()));
        const bool is_two = rank.rank() == 2;
        const Deadline deadline(rank.communicator().clock(),
                                absl::ZeroDuration());
        PARLEY_ASSIGN_OR_RETURN(
            const std::string mine,
            FindDifference(*hosts, 2, 1, is_two ? two : others,
                           is_two ? note_of_two : "", deadline));
        if (rank.rank() == 0) found = mine;
        // Told to all alike.
        return absl::InvalidArgumentError(mine);
      });
  for (const sim::RankReport& rank : report.ranks) {
    EXPECT_EQ(rank.status, report.ranks[0].status);
  }
  return found;
}

TEST(DifferenceTest, TheFirstFieldThatDiffersIsNamed) {
  for (int index : {0, 1, 62, 63, 64, 125, 126, 199}) {
    Description two = Numbers();
    two.Set(absl::StrCat("f", index), -1);
    two.Set("f199", -1);
    EXPECT_EQ(Difference(two, Numbers()),
              absl::StrCat("rank 2 differs from rank 1 in f", index,
                           ": -1 against ", 1000 + index));
  }
}

TEST(DifferenceTest, WhatIsMissingIsNamed) {
  for (int index : {0, 62, 63, 100, 199}) {
    EXPECT_EQ(Difference(Numbers(), Inserted(index, "more")),
              "rank 2 differs from rank 1 in more: missing against 7");
    EXPECT_EQ(Difference(Inserted(index, "more"), Numbers()),
              "rank 2 differs from rank 1 in more: 7 against missing");
  }
  for (int count : {1, 63, 126, 199}) {
    EXPECT_EQ(Difference(Numbers(count), Numbers()),
              absl::StrCat("rank 2 differs from rank 1 in f", count,
                           ": missing against ", 1000 + count));
    EXPECT_EQ(Difference(Numbers(), Numbers(count)),
              absl::StrCat("rank 2 differs from rank 1 in f", count, ": ",
                           1000 + count, " against missing"));
  }
}

TEST(DifferenceTest, AnotherOrderIsToldByPlace) {
  EXPECT_EQ(Difference(Inserted(100, "f137"), Numbers()),
            "rank 2 differs from rank 1 in field 100: f137 1137 against f100 "
            "1100");
  EXPECT_EQ(Difference(Numbers(), Inserted(100, "f137")),
            "rank 2 differs from rank 1 in field 100: f100 1100 against f137 "
            "1137");
  // Another name in the same place.
  EXPECT_EQ(Difference(Inserted(100, "b"), Inserted(100, "a")),
            "rank 2 differs from rank 1 in field 100: b 7 against a 7");
}

TEST(DifferenceTest, NotesAreToldWhereTheyDiffer) {
  EXPECT_EQ(Difference(Numbers(1), Numbers(2), "one"),
            "rank 2 differs from rank 1 in f1: missing against 1001 (one; "
            "against: )");
}

TEST(DifferenceTest, LongTextsAreCut) {
  Description two;
  Description others;
  const std::string name(400, 'n');
  two.Set(name, std::string(400, 'x'));
  others.Set(name, std::string(400, 'x') + "y");
  EXPECT_EQ(Difference(two, others),
            absl::StrCat("rank 2 differs from rank 1 in ",
                         std::string(124, 'n'), "...: ", std::string(164, 'x'),
                         "... against ", std::string(164, 'x'), "..."));
}

}  // namespace
}  // namespace parley
