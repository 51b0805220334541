// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Broken communicators, on which the conformance suite must fail: a checker is
// trusted once it has been seen to find what it claims to find.
#ifndef PARLEY_COMM_TESTING_MUTANTS_H_
#define PARLEY_COMM_TESTING_MUTANTS_H_

#include <memory>
#include <string>
#include <vector>

#include "parley/comm/communicator.h"

namespace parley::testing {

// The names of all mutants.
std::vector<std::string> CommunicatorMutantNames();

// A communicator that behaves as `real` but for one fault. Dies on an unknown
// name. `real` must outlive it.
std::unique_ptr<Communicator> MakeCommunicatorMutant(const std::string& name,
                                                     Communicator& real);

}  // namespace parley::testing

#endif  // PARLEY_COMM_TESTING_MUTANTS_H_
