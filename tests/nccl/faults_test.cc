// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What goes wrong below NCCL, planted in the fakes, while the averager trains:
// everybody is told within the timeout, in virtual time, and the survivors'
// next meeting ends in equal bits.
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/averaging/reduction.h"
#include "parley/base/status_macros.h"
#include "parley/comm/lost_ranks.h"
#include "parley/device/testing/device_array.h"
#include "parley/tests/nccl/nccl_world.h"
#include "parley/tools/gpu_check/death.h"

namespace parley::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr int kRanks = 4;
constexpr int kVictim = 2;

// Trains until rank kVictim's `operation`th launch, at which the fault strikes,
// and on without it. `told` gets what each rank was told.
fakes::FakeReport TrainThrough(fakes::FaultKind kind, int64_t operation,
                               Reduction reduction,
                               std::vector<absl::Status>& told) {
  NcclWorldOptions options;
  fakes::FakeFault fault;
  fault.kind = kind;
  fault.rank = kVictim;
  fault.operation = operation;
  options.fakes.faults = {fault};
  told.assign(kRanks, absl::OkStatus());
  return RunOnNccl({.ranks = kRanks}, options,
                   [&](sim::RankContext& rank) -> absl::Status {
                     PARLEY_ASSIGN_OR_RETURN(
                         const gpu_check::DeathReport death,
                         gpu_check::TrainThroughADeath(
                             rank.communicator(),
                             {.victim = kVictim, .reduction = reduction}));
                     told[static_cast<size_t>(rank.rank())] = death.told;
                     return absl::OkStatus();
                   });
}

// At each launch from the first meeting on, whatever it is then that is under
// way: headers, bytes or the closing barrier.
void ExpectSurvival(fakes::FaultKind kind,
                    Reduction reduction = Reduction::kReproducible) {
  // In three meetings, or in two, of which a native one has a launch less.
  const int64_t end = reduction == Reduction::kNative ? 14 : 20;
  for (int64_t operation = 8; operation < end; ++operation) {
    SCOPED_TRACE(absl::StrCat("launch ", operation));
    std::vector<absl::Status> told;
    const fakes::FakeReport report =
        TrainThrough(kind, operation, reduction, told);
    for (size_t r : {0, 1, 3}) {
      EXPECT_TRUE(report.world.ranks[r].status.ok()) << report;
      EXPECT_THAT(told[r].code(), AnyOf(absl::StatusCode::kUnavailable,
                                        absl::StatusCode::kDeadlineExceeded))
          << told[r];
      // Who only stops to be of use arrives, and is not missed.
      if (kind == fakes::FaultKind::kDeath) {
        EXPECT_EQ(LostRanks(told[r]), std::vector<int>{kVictim}) << told[r];
      }
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

// So a fault behind the last of five strikes nothing.
TEST(FaultsTest, ANativeMeetingHasALaunchLess) {
  constexpr int64_t kFirst = 2;  // behind those of Create()
  constexpr int64_t kBehind = kFirst + 5 * 3;
  for (const Reduction reduction :
       {Reduction::kReproducible, Reduction::kNative}) {
    std::vector<absl::Status> told;
    const fakes::FakeReport report =
        TrainThrough(fakes::FaultKind::kDeath, kBehind, reduction, told);
    const bool native = reduction == Reduction::kNative;
    EXPECT_EQ(std::string(report.world.ranks[0].status.message()),
              native ? "the death was not told" : "");
    EXPECT_EQ(told[0].ok(), native) << told[0];
  }
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
