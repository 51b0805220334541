// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/properties/rapidcheck.h"

#include <cstdlib>

namespace parley::testing::properties {
namespace {

// Sanitizers look for what one case shows as well as many do.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr char kParameters[] = "seed=20260101 max_success=15";
#else
constexpr char kParameters[] = "seed=20260101 max_success=60";
#endif

// Few cases must do to see that a mutant is one, and no smaller one is wanted.
constexpr char kParametersOnAMutant[] =
    "seed=20260101 max_success=30 noshrink=1";

bool IsOnAMutant() {
  const char* mutant = std::getenv("PARLEY_MUTANT");
  return mutant != nullptr && *mutant != '\0';
}

}  // namespace

bool FixRapidCheckParameters() {
  const char* parameters = IsOnAMutant() ? kParametersOnAMutant : kParameters;
  return setenv("RC_PARAMS", parameters, /*overwrite=*/0) == 0;
}

}  // namespace parley::testing::properties
