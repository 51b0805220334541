// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What goes wrong below NCCL, planted in the fakes, while the averager trains:
// everybody is told within the timeout, in virtual time, and the survivors'
// next meeting ends in equal bits.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/averaging/model_averager.h"
#include "parley/base/status_macros.h"
#include "parley/device/testing/device_array.h"
#include "parley/tests/nccl/nccl_world.h"

namespace parley::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr int kRanks = 4;
constexpr int kVictim = 2;
constexpr size_t kElements = 1000;

float ValueOf(int rank, int step, size_t i) {
  return static_cast<float>(100 * step + 10 * rank) + static_cast<float>(i % 7);
}

// OK if the weights are the mean over `ranks` of what they had at `step`.
absl::Status CheckMean(const DeviceArray<float>& weights,
                       const std::vector<int>& ranks, int step) {
  for (size_t i = 0; i < weights.size(); ++i) {
    double sum = 0;
    for (int rank : ranks) sum += double{ValueOf(rank, step, i)};
    const auto mean =
        static_cast<float>(sum / static_cast<double>(ranks.size()));
    if (weights[i] == mean) continue;
    return absl::InternalError(
        absl::StrCat("element ", i, " is ", weights[i], ", expected ", mean));
  }
  return absl::OkStatus();
}

// Trains until the fault strikes, which must be told; then goes on without the
// victim. `told` gets what this rank was told.
absl::Status TrainThroughAFault(sim::RankContext& rank, Reduction reduction,
                                absl::Status& told) {
  Communicator& comm = rank.communicator();
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
                             .reduction = reduction}));
  const auto train = [&](int step) {
    for (size_t i = 0; i < kElements; ++i) {
      weights[i] = ValueOf(rank.rank(), step, i);
    }
  };
  int step = 0;
  for (; told.ok() && step < 5; ++step) {
    train(step);
    told = averager->Step().status();
    if (!told.ok()) break;
    PARLEY_RETURN_IF_ERROR(CheckMean(weights, {0, 1, 2, 3}, step));
  }
  if (rank.rank() == kVictim) return absl::OkStatus();
  if (told.ok()) return absl::InternalError("the fault was not told");
  // One bucket: it is what it was, or complete.
  bool untouched = true;
  for (size_t i = 0; i < kElements; ++i) {
    untouched &= weights[i] == ValueOf(rank.rank(), step, i);
  }
  if (!untouched) {
    PARLEY_RETURN_IF_ERROR(CheckMean(weights, {0, 1, 2, 3}, step));
  }
  PARLEY_ASSIGN_OR_RETURN(const auto rest, comm.Shrink({kVictim}));
  PARLEY_RETURN_IF_ERROR(averager->Rebind(*rest));
  train(6);
  PARLEY_RETURN_IF_ERROR(averager->AverageNow().status());
  return CheckMean(weights, {0, 1, 3}, 6);
}

// At each launch from the first meeting on, whatever it is then that is under
// way: headers, bytes or the closing barrier.
void ExpectSurvival(fakes::FaultKind kind,
                    Reduction reduction = Reduction::kReproducible) {
  // In three meetings, or in two, of which a native one has a launch less.
  const int64_t end = reduction == Reduction::kNative ? 14 : 20;
  for (int64_t operation = 8; operation < end; ++operation) {
    SCOPED_TRACE(absl::StrCat("launch ", operation));
    NcclWorldOptions options;
    fakes::FakeFault fault;
    fault.kind = kind;
    fault.rank = kVictim;
    fault.operation = operation;
    options.fakes.faults = {fault};
    std::vector<absl::Status> told(kRanks);
    const fakes::FakeReport report =
        RunOnNccl({.ranks = kRanks}, options, [&](sim::RankContext& rank) {
          return TrainThroughAFault(rank, reduction,
                                    told[static_cast<size_t>(rank.rank())]);
        });
    for (size_t r : {0, 1, 3}) {
      EXPECT_TRUE(report.world.ranks[r].status.ok()) << report;
      EXPECT_THAT(told[r].code(), AnyOf(absl::StatusCode::kUnavailable,
                                        absl::StatusCode::kDeadlineExceeded))
          << told[r];
    }
    EXPECT_TRUE(report.diagnoses.empty()) << report;
    EXPECT_LT(report.world.virtual_ns, 120'000'000'000);
  }
}

TEST(FaultsTest, APeerDies) { ExpectSurvival(fakes::FaultKind::kDeath); }

TEST(FaultsTest, AnOperationNeverCompletes) {
  ExpectSurvival(fakes::FaultKind::kNeverCompletes);
}

TEST(FaultsTest, AnAsyncError) {
  ExpectSurvival(fakes::FaultKind::kAsyncError);
}

TEST(FaultsTest, APeerDiesAndTheSumIsNative) {
  ExpectSurvival(fakes::FaultKind::kDeath, Reduction::kNative);
}

TEST(FaultsTest, AnOperationNeverCompletesAndTheSumIsNative) {
  ExpectSurvival(fakes::FaultKind::kNeverCompletes, Reduction::kNative);
}

// The statuses with which ranks come out of making their communicator.
std::vector<absl::Status> StatusesOfInit(fakes::FaultKind kind) {
  NcclWorldOptions options;
  fakes::FakeFault fault;
  fault.kind = kind;
  fault.rank = 1;
  fault.operation = 0;
  options.fakes.faults = {fault};
  const fakes::FakeReport report =
      RunOnNccl({.ranks = 3}, options,
                [](sim::RankContext&) { return absl::OkStatus(); });
  EXPECT_TRUE(report.diagnoses.empty()) << report;
  std::vector<absl::Status> statuses;
  for (const auto& rank : report.world.ranks) statuses.push_back(rank.status);
  return statuses;
}

TEST(FaultsTest, InitFails) {
  for (const absl::Status& status :
       StatusesOfInit(fakes::FaultKind::kInitFails)) {
    EXPECT_FALSE(status.ok());
  }
}

TEST(FaultsTest, InitHangs) {
  for (const absl::Status& status :
       StatusesOfInit(fakes::FaultKind::kInitHangs)) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  }
}

// The communicator is wedged: its user is told to exit, and recovery refused.
TEST(FaultsTest, AbortHangs) {
  NcclWorldOptions options;
  fakes::FakeFault dies;
  dies.rank = 1;
  dies.operation = 2;
  fakes::FakeFault hangs;
  hangs.kind = fakes::FaultKind::kAbortHangs;
  hangs.rank = 0;
  hangs.operation = 0;
  options.fakes.faults = {dies, hangs};
  absl::Status told, shrunk;
  const fakes::FakeReport report = RunOnNccl(
      {.ranks = 2}, options, [&](sim::RankContext& rank) -> absl::Status {
        Communicator& comm = rank.communicator();
        PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
        for (int i = 0; i < 3; ++i) {
          PARLEY_ASSIGN_OR_RETURN(Work work, comm.Barrier(*stream));
          const absl::Status status = work.WaitHost();
          if (status.ok()) continue;
          if (rank.rank() == 0) told = status;
          break;
        }
        if (rank.rank() == 0) shrunk = comm.Shrink({1}).status();
        return absl::OkStatus();
      });
  EXPECT_THAT(std::string(told.message()), HasSubstr("wedged")) << told;
  EXPECT_THAT(std::string(told.message()), HasSubstr("must exit")) << told;
  EXPECT_EQ(shrunk.code(), absl::StatusCode::kFailedPrecondition) << shrunk;
  EXPECT_TRUE(report.diagnoses.empty()) << report;
}

// Whom two ranks call first differs, on streams of their own.
TEST(FaultsTest, TwoCommunicatorsInDifferentOrder) {
  const fakes::FakeReport report =
      RunOnNccl({.ranks = 2}, {}, [](sim::RankContext& rank) -> absl::Status {
        Communicator& comm = rank.communicator();
        PARLEY_ASSIGN_OR_RETURN(auto a, comm.Split({0, 1}));
        PARLEY_ASSIGN_OR_RETURN(auto b, comm.Split({0, 1}));
        PARLEY_ASSIGN_OR_RETURN(auto one, comm.device().CreateStream());
        PARLEY_ASSIGN_OR_RETURN(auto two, comm.device().CreateStream());
        const bool swap = rank.rank() == 1;
        PARLEY_ASSIGN_OR_RETURN(Work first, (swap ? b : a)->Barrier(*one));
        PARLEY_ASSIGN_OR_RETURN(Work second, (swap ? a : b)->Barrier(*two));
        absl::Status status = first.WaitHost();
        status.Update(second.WaitHost());
        return status;
      });
  for (const auto& rank : report.world.ranks) {
    EXPECT_THAT(rank.status.code(), AnyOf(absl::StatusCode::kUnavailable,
                                          absl::StatusCode::kDeadlineExceeded))
        << rank.status;
  }
}

TEST(FaultsTest, CountsThatDiffer) {
  const fakes::FakeReport report =
      RunOnNccl({.ranks = 3}, {}, [](sim::RankContext& rank) -> absl::Status {
        Communicator& comm = rank.communicator();
        PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
        const DeviceArray<float> x(comm.device(), rank.rank() == 1 ? 7 : 8);
        PARLEY_ASSIGN_OR_RETURN(
            Work work,
            comm.AllReduce({x.view()}, {x.view()}, ReduceOp::kSum, *stream));
        return work.WaitHost();
      });
  for (const auto& rank : report.world.ranks) {
    EXPECT_FALSE(rank.status.ok());
  }
  EXPECT_FALSE(report.diagnoses.empty());
}

}  // namespace
}  // namespace parley::testing
