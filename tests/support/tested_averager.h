// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// TestedAverager: where the suites get the averager that they test. It is a
// ModelAverager like any other, unless the environment variable PARLEY_MUTANT
// names a broken one (tests/support/mutants.h): then the suite is expected to
// fail, and tests/mutants checks that it does.
//
//   PARLEY_ASSIGN_OR_RETURN(
//       auto averager,
//       TestedAverager::Create({.communicator = &rank.communicator(),
//                               .parameters = parameters,
//                               .schedule = PeriodicSchedule({.period = 8})}));
//   PARLEY_RETURN_IF_ERROR(averager->Step().status());
//   PARLEY_RETURN_IF_ERROR(averager.Rebind(*survivors));
//
// Requires: the tensors outlive it; the communicator does too.
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_TESTS_SUPPORT_TESTED_AVERAGER_H_
#define PARLEY_TESTS_SUPPORT_TESTED_AVERAGER_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "parley/averaging/model_averager.h"
#include "parley/comm/communicator.h"
#include "parley/tests/support/mutants.h"

namespace parley::testing {

class TestedAverager {
 public:
  // As ModelAverager::Create().
  static absl::StatusOr<TestedAverager> Create(ModelAveragerOptions options);

  TestedAverager(TestedAverager&&) = default;
  TestedAverager& operator=(TestedAverager&&) = delete;
  ~TestedAverager();

  ModelAverager& operator*() const { return *averager_; }
  ModelAverager* operator->() const { return averager_.get(); }

  // As ModelAverager::Rebind(), to be called in its place.
  absl::Status Rebind(Communicator& communicator);

 private:
  TestedAverager() = default;

  // The communicator for an averager on `real`.
  Communicator* Wrap(Communicator* real);
  void TellPlan();

  std::vector<std::unique_ptr<Mutant>> mutants_;  // one for each communicator
  std::unique_ptr<ModelAverager> averager_;
};

}  // namespace parley::testing

#endif  // PARLEY_TESTS_SUPPORT_TESTED_AVERAGER_H_
