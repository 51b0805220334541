// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Mutants: broken communicators and devices for an averager to stand on, so
// that its meetings go wrong in one known way. A suite is trusted once it has
// been seen to fail on them (tests/mutants).
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_TESTS_SUPPORT_MUTANTS_H_
#define PARLEY_TESTS_SUPPORT_MUTANTS_H_

#include <memory>
#include <string>
#include <vector>

#include "parley/averaging/plan.h"
#include "parley/comm/communicator.h"

namespace parley::testing {

// The one that has no fault: it shows that what wraps a communicator is not
// itself what suites fail on.
inline constexpr char kHarmless[] = "harmless";

// The names of all others.
std::vector<std::string> AveragerMutantNames();

class Mutant {
 public:
  virtual ~Mutant() = default;

  // Behaves as the real one but for one fault.
  virtual Communicator& communicator() = 0;

  // What the averager on it is going to do. To be called before it meets.
  virtual void SetPlan(const AveragingPlan& plan) = 0;

  // Waits for what it did not wait for when it should have. To be called before
  // the averager goes.
  virtual void Settle() = 0;
};

// Dies on an unknown name. `real` must outlive it.
std::unique_ptr<Mutant> MakeAveragerMutant(const std::string& name,
                                           Communicator& real);

}  // namespace parley::testing

#endif  // PARLEY_TESTS_SUPPORT_MUTANTS_H_
