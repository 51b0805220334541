// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// RapidCheck with a fixed seed: to be included in place of rapidcheck/gtest.h.
// The seed and the number of cases of each property are printed before the
// first one runs. RC_PARAMS in the environment overrides them, in RapidCheck's
// own syntax:
//   RC_PARAMS="seed=7 max_success=1000"
#ifndef PARLEY_TESTS_PROPERTIES_RAPIDCHECK_H_
#define PARLEY_TESTS_PROPERTIES_RAPIDCHECK_H_

#include "gtest/gtest.h"
#include "rapidcheck/gtest.h"

namespace parley::testing::properties {

// Before main(), since RapidCheck reads its parameters once. Returns true.
bool FixRapidCheckParameters();

inline const bool kRapidCheckParametersAreFixed = FixRapidCheckParameters();

}  // namespace parley::testing::properties

#endif  // PARLEY_TESTS_PROPERTIES_RAPIDCHECK_H_
