// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Tables of CUDA and NCCL in which an entry does what a careless library would
// have it do: the suites must fail on each.
//
//   NcclWorldOptions options = MutantWorld("forgets_a_wait");
//
// Thread-safety: thread-safe.
#ifndef PARLEY_TESTS_NCCL_TABLE_MUTANTS_H_
#define PARLEY_TESTS_NCCL_TABLE_MUTANTS_H_

#include <string>
#include <vector>

#include "parley/tests/nccl/nccl_world.h"

namespace parley::testing {

// "ncclAvg_for_ncclSum", ...
std::vector<std::string> TableMutantNames();

// A world with that mutant, or an unbroken one for "". Ends the program if
// there is no such mutant.
NcclWorldOptions MutantWorld(const std::string& name);

}  // namespace parley::testing

#endif  // PARLEY_TESTS_NCCL_TABLE_MUTANTS_H_
