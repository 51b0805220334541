// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The named tests of the suite, apart from the matrix of cells.
#ifndef PARLEY_COMM_TESTING_CONFORMANCE_CASES_H_
#define PARLEY_COMM_TESTING_CONFORMANCE_CASES_H_

#include <functional>
#include <string>
#include <vector>

#include "parley/comm/testing/conformance.h"

namespace parley::testing {

struct ConformanceCase {
  std::string name;
  std::function<void(const ConformanceBackend&)> run;  // with gtest macros
};

// What succeeds: in place, lists, streams, events, sub-communicators.
std::vector<ConformanceCase> OrderingCases();

// What fails: bad arguments, mismatches, ranks that go, timeouts, aborts.
std::vector<ConformanceCase> FailureCases();

// Whom failures are about: deaths, absences, aborts because of them.
std::vector<ConformanceCase> LostRankCases();

// Runs `body` and expects OK of every rank.
void ExpectAllOk(const ConformanceBackend& backend, int ranks,
                 const RankBody& body);

// kInternal with `what` if `condition` does not hold.
absl::Status Check(bool condition, const std::string& what);

}  // namespace parley::testing

#endif  // PARLEY_COMM_TESTING_CONFORMANCE_CASES_H_
