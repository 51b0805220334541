// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Every mutant of the averager is caught by some suite: the table in BUILD,
// whose lines are each a test, has them all.
#include <cstdlib>
#include <set>
#include <string>

#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "parley/tests/support/mutants.h"

namespace parley::testing {
namespace {

TEST(TableTest, HasEveryMutantAndNoOther) {
  const std::set<std::string> caught =
      absl::StrSplit(std::getenv("PARLEY_SUITE_MUTANTS"), ',');
  std::set<std::string> known;
  for (const std::string& name : AveragerMutantNames()) known.insert(name);
  EXPECT_EQ(caught, known);
}

}  // namespace
}  // namespace parley::testing
