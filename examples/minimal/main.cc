// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Four ranks train apart, meet at every fourth step, and end with one model.
#include <cstdio>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "parley/averaging/model_averager.h"
#include "parley/base/status_macros.h"
#include "parley/sim/world.h"

using parley::Communicator;
using parley::ModelAverager;
using parley::ParameterSet;
using parley::PeriodicSchedule;
using parley::TensorView;

namespace {

// What every rank runs. It does not know which backend `comm` belongs to.
absl::Status Train(Communicator& comm, std::vector<float>& model) {
  const parley::Parameter weights = {
      .name = "weights", .tensor = TensorView::Of(absl::MakeSpan(model))};
  PARLEY_ASSIGN_OR_RETURN(auto parameters,
                          ParameterSet::Create({{.parameters = {weights}}}));
  PARLEY_ASSIGN_OR_RETURN(
      auto averager,
      ModelAverager::Create({.communicator = &comm,
                             .parameters = parameters,
                             .schedule = PeriodicSchedule({.period = 4})}));
  for (int step = 0; step < 20; ++step) {
    // A step of gradient descent on this rank's data: the loss has its minimum
    // where all weights equal the rank.
    for (float& w : model) w -= 0.5f * (w - static_cast<float>(comm.rank()));
    PARLEY_RETURN_IF_ERROR(averager->Step().status());
  }
  return averager->Finish();
}

}  // namespace

int main() {
  std::vector<std::vector<float>> models(4, {0.0f, 8.0f});
  parley::sim::World world({.ranks = 4, .hosts = 2, .seed = 42});
  const auto report = world.Run([&](parley::sim::RankContext& rank) {
    return Train(rank.communicator(), models[rank.rank()]);
  });
  if (!report.status.ok()) {
    std::fprintf(stderr, "%s", report.ToString().c_str());
    return 1;
  }
  for (const std::vector<float>& model : models) {
    std::printf("model: %.9g %.9g\n", model[0], model[1]);
  }
  return 0;
}
