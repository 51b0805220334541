// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/support/tested_averager.h"

#include <cstdlib>
#include <string>
#include <utility>

#include "parley/base/status_macros.h"

namespace parley::testing {
namespace {

std::string MutantName() {
  const char* name = std::getenv("PARLEY_MUTANT");
  return name == nullptr ? "" : name;
}

}  // namespace

absl::StatusOr<TestedAverager> TestedAverager::Create(
    ModelAveragerOptions options) {
  TestedAverager tested;
  options.communicator = tested.Wrap(options.communicator);
  PARLEY_ASSIGN_OR_RETURN(tested.averager_,
                          ModelAverager::Create(std::move(options)));
  tested.TellPlan();
  return tested;
}

TestedAverager::~TestedAverager() {
  for (const auto& mutant : mutants_) mutant->Settle();
}

absl::Status TestedAverager::Rebind(Communicator& communicator) {
  PARLEY_RETURN_IF_ERROR(averager_->Rebind(*Wrap(&communicator)));
  TellPlan();
  return absl::OkStatus();
}

Communicator* TestedAverager::Wrap(Communicator* real) {
  const std::string name = MutantName();
  if (name.empty() || real == nullptr) return real;
  mutants_.push_back(MakeAveragerMutant(name, *real));
  return &mutants_.back()->communicator();
}

void TestedAverager::TellPlan() {
  if (!mutants_.empty()) mutants_.back()->SetPlan(averager_->plan());
}

}  // namespace parley::testing
