// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/gpu_check/one_rank.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "parley/averaging/model_averager.h"
#include "parley/averaging/parameters.h"
#include "parley/averaging/schedule.h"
#include "parley/base/status_macros.h"
#include "parley/device/testing/device_array.h"

namespace parley::gpu_check {
namespace {

using parley::testing::DeviceArray;
using Made = absl::StatusOr<std::unique_ptr<NcclCommunicator>>;

absl::Status Check(bool condition, absl::string_view what) {
  return condition ? absl::OkStatus() : absl::InternalError(what);
}

Made Create(NcclOptions options, absl::string_view name) {
  options.name = std::string(name);
  return NcclCommunicator::Create(options);
}

absl::Status ExpectAll(const DeviceArray<float>& values, float expected,
                       absl::string_view what) {
  for (const float value : values.values()) {
    PARLEY_RETURN_IF_ERROR(
        Check(value == expected,
              absl::StrCat(what, ": ", value, " instead of ", expected)));
  }
  return absl::OkStatus();
}

// Every operation, each into a buffer that holds something else before.
absl::Status Operations(const NcclOptions& options) {
  PARLEY_ASSIGN_OR_RETURN(const auto comm, Create(options, "operations"));
  PARLEY_ASSIGN_OR_RETURN(const auto stream, comm->device().CreateStream());
  Device& device = comm->device();
  const DeviceArray<float> from(device, 1000, 3), all(device, 1000, -1),
      gathered(device, 1000, -1), sum(device, 1000, -1);
  PARLEY_RETURN_IF_ERROR(
      comm->AllToAll({from.view()}, {all.view()}, *stream).status());
  PARLEY_RETURN_IF_ERROR(
      comm->AllGather({from.view()}, {gathered.view()}, *stream).status());
  PARLEY_RETURN_IF_ERROR(
      comm->AllReduce({from.view()}, {sum.view()}, ReduceOp::kSum, *stream)
          .status());
  PARLEY_RETURN_IF_ERROR(
      comm->AllReduce({from.view()}, {from.view()}, ReduceOp::kMax, *stream)
          .status());
  PARLEY_RETURN_IF_ERROR(comm->Broadcast({from.view()}, 0, *stream).status());
  PARLEY_ASSIGN_OR_RETURN(Work last, comm->Barrier(*stream));
  PARLEY_RETURN_IF_ERROR(last.WaitHost());
  PARLEY_RETURN_IF_ERROR(stream->WaitHost(options.timeout));
  PARLEY_RETURN_IF_ERROR(ExpectAll(from, 3, "in place"));
  PARLEY_RETURN_IF_ERROR(ExpectAll(all, 3, "AllToAll"));
  PARLEY_RETURN_IF_ERROR(ExpectAll(gathered, 3, "AllGather"));
  return ExpectAll(sum, 3, "AllReduce");
}

// Parents before children and after them, and handles after both.
absl::Status Lifetimes(const NcclOptions& options) {
  PARLEY_ASSIGN_OR_RETURN(Made::value_type parent, Create(options, "parent"));
  PARLEY_ASSIGN_OR_RETURN(Made::value_type other, Create(options, "other"));
  PARLEY_ASSIGN_OR_RETURN(auto first, parent->Split({0}));
  PARLEY_ASSIGN_OR_RETURN(auto second, parent->Split({0}));
  first.reset();
  PARLEY_ASSIGN_OR_RETURN(const auto stream, parent->device().CreateStream());
  PARLEY_ASSIGN_OR_RETURN(Work work, second->Barrier(*stream));
  parent.reset();
  PARLEY_ASSIGN_OR_RETURN(Work orphan, second->Barrier(*stream));
  second.reset();
  PARLEY_RETURN_IF_ERROR(work.WaitHost());
  PARLEY_RETURN_IF_ERROR(orphan.WaitHost());
  other.reset();
  return absl::OkStatus();
}

// Aborted with work under way, which then has ended one way or the other.
absl::Status AbortAndShrink(const NcclOptions& options) {
  PARLEY_ASSIGN_OR_RETURN(const auto comm, Create(options, "aborted"));
  PARLEY_ASSIGN_OR_RETURN(const auto stream, comm->device().CreateStream());
  const DeviceArray<float> data(comm->device(), 1 << 20, 1),
      result(comm->device(), 1 << 20);
  Work last;
  for (int i = 0; i < 8; ++i) {
    PARLEY_ASSIGN_OR_RETURN(
        last, comm->AllReduce({data.view()}, {result.view()}, ReduceOp::kSum,
                              *stream));
  }
  comm->Abort(absl::CancelledError("enough"));
  comm->Abort(absl::CancelledError("again"));
  const absl::Status ended = last.WaitHost();
  PARLEY_RETURN_IF_ERROR(Check(
      ended.ok() || ended.code() == absl::StatusCode::kCancelled,
      absl::StrCat("work of an aborted communicator: ", ended.ToString())));
  stream->WaitHost(options.timeout).IgnoreError();
  const absl::Status refused = comm->Barrier(*stream).status();
  PARLEY_RETURN_IF_ERROR(
      Check(refused.code() == absl::StatusCode::kFailedPrecondition &&
                absl::StrContains(std::string(refused.message()), "enough"),
            absl::StrCat("after an abort: ", refused.ToString())));
  PARLEY_ASSIGN_OR_RETURN(const auto rest, comm->Shrink({}));
  PARLEY_RETURN_IF_ERROR(Check(!comm->wedged(), "wedged"));
  PARLEY_ASSIGN_OR_RETURN(Work again, rest->Barrier(*stream));
  return again.WaitHost();
}

// A world of one has nothing to exchange, and its model stays what it is.
absl::Status Train(const NcclOptions& options) {
  PARLEY_ASSIGN_OR_RETURN(const auto comm, Create(options, "training"));
  const DeviceArray<float> weights(comm->device(), 100, 1);
  PARLEY_ASSIGN_OR_RETURN(
      ParameterSet parameters,
      ParameterSet::Create(
          {{.parameters = {{.name = "w", .tensor = weights.view()}}}}));
  PARLEY_ASSIGN_OR_RETURN(
      const auto averager,
      ModelAverager::Create({.communicator = comm.get(),
                             .parameters = std::move(parameters),
                             .schedule = PeriodicSchedule({.period = 2})}));
  for (int step = 0; step < 4; ++step) {
    for (float& weight : weights.values()) weight += 1;
    PARLEY_RETURN_IF_ERROR(averager->Step().status());
  }
  PARLEY_RETURN_IF_ERROR(averager->Finish());
  return ExpectAll(weights, 5, "the model");
}

}  // namespace

absl::Status CheckOneRank(const NcclOptions& options) {
  const std::pair<absl::string_view, absl::Status (*)(const NcclOptions&)>
      checks[] = {{"operations", Operations},
                  {"lifetimes", Lifetimes},
                  {"abort and shrink", AbortAndShrink},
                  {"training", Train}};
  for (const auto& [name, check] : checks) {
    const absl::Status status = check(options);
    if (status.ok()) continue;
    return absl::Status(status.code(),
                        absl::StrCat(name, ": ", status.message()));
  }
  return absl::OkStatus();
}

}  // namespace parley::gpu_check
