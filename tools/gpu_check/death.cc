// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/gpu_check/death.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "parley/averaging/model_averager.h"
#include "parley/averaging/parameters.h"
#include "parley/averaging/schedule.h"
#include "parley/base/status_macros.h"
#include "parley/device/testing/device_array.h"

namespace parley::gpu_check {
namespace {

using parley::testing::DeviceArray;

constexpr size_t kElements = 1000;
constexpr int kFatalStep = 2;
constexpr int kSteps = 5;

float ValueOf(int rank, int step, size_t i) {
  return static_cast<float>(128 * step + 16 * rank) + static_cast<float>(i % 7);
}

absl::Status CheckMean(const DeviceArray<float>& weights,
                       const std::vector<int>& ranks, int step) {
  for (size_t i = 0; i < weights.size(); ++i) {
    double sum = 0;
    for (const int rank : ranks) sum += double{ValueOf(rank, step, i)};
    const auto mean =
        static_cast<float>(sum / static_cast<double>(ranks.size()));
    if (weights[i] == mean) continue;
    return absl::InternalError(absl::StrCat("step ", step, ": element ", i,
                                            " is ", weights[i], ", expected ",
                                            mean));
  }
  return absl::OkStatus();
}

// One bucket: it is what it was, or complete.
absl::Status CheckNoMixture(const DeviceArray<float>& weights, int rank,
                            const std::vector<int>& all, int step) {
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] != ValueOf(rank, step, i)) {
      return CheckMean(weights, all, step);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DeathReport> TrainThroughADeath(Communicator& comm,
                                               const DeathOptions& options) {
  const int rank = comm.rank();
  std::vector<int> all, survivors;
  for (int r = 0; r < comm.size(); ++r) {
    all.push_back(r);
    if (r != options.victim) survivors.push_back(r);
  }
  std::unique_ptr<Communicator> rest;  // outlives the averager
  DeviceArray<float> weights(comm.device(), kElements);
  PARLEY_ASSIGN_OR_RETURN(
      ParameterSet parameters,
      ParameterSet::Create(
          {{.parameters = {{.name = "w", .tensor = weights.view()}}}}));
  PARLEY_ASSIGN_OR_RETURN(
      const auto averager,
      ModelAverager::Create({.communicator = &comm,
                             .parameters = std::move(parameters),
                             .schedule = PeriodicSchedule({.period = 1}),
                             .reduction = options.reduction}));
  const auto train = [&](int step) {
    for (size_t i = 0; i < kElements; ++i) weights[i] = ValueOf(rank, step, i);
  };

  DeathReport report;
  Clock& clock = comm.clock();
  int step = 0;
  for (; step < kSteps; ++step) {
    train(step);
    if (rank == options.victim && step == kFatalStep) options.arrange();
    const int64_t start = clock.NowNs();
    report.told = averager->Step().status();
    report.told_ns = clock.NowNs() - start;
    if (!report.told.ok()) break;
    PARLEY_RETURN_IF_ERROR(CheckMean(weights, all, step));
  }
  if (rank == options.victim) return report;
  if (report.told.ok()) return absl::InternalError("the death was not told");
  PARLEY_RETURN_IF_ERROR(CheckNoMixture(weights, rank, all, step));

  int64_t start = clock.NowNs();
  PARLEY_ASSIGN_OR_RETURN(rest, comm.Shrink({options.victim}));
  report.shrink_ns = clock.NowNs() - start;
  start = clock.NowNs();
  PARLEY_RETURN_IF_ERROR(averager->Rebind(*rest));
  train(kSteps);
  PARLEY_RETURN_IF_ERROR(averager->AverageNow().status());
  report.again_ns = clock.NowNs() - start;
  PARLEY_RETURN_IF_ERROR(CheckMean(weights, survivors, kSteps));
  return report;
}

}  // namespace parley::gpu_check
