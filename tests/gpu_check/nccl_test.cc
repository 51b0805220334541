// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The checks of NCCL, over a NCCL that is right and over broken ones.
#include <signal.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/base/status_macros.h"
#include "parley/tests/fakes/fake_nccl.h"
#include "parley/tests/gpu_check/on_fakes.h"
#include "parley/tools/gpu_check/counted_nccl.h"
#include "parley/tools/gpu_check/death.h"
#include "parley/tools/gpu_check/one_rank.h"
#include "parley/tools/gpu_check/overhead.h"
#include "parley/tools/gpu_check/parity.h"

namespace parley::gpu_check {
namespace {

using ::testing::AnyOf;
using ::testing::Eq;
using ::testing::HasSubstr;

constexpr int kNcclVersion = 22809;
constexpr ParityOptions kParity = {.seed = 7, .large = 5003, .meetings = 2};

// What each rank's comparison with the simulator says.
std::vector<absl::Status> ParityOf(int ranks, const FakeGpus& gpus,
                                   int64_t* collectives = nullptr) {
  const auto expected = SimulateParity(ranks, kParity).value();
  const NcclApi api = CountCollectives(fakes::FakeNcclApi(kNcclVersion));
  const int64_t before = Collectives();
  FakeGpus counted = gpus;
  counted.decorate = [&api](NcclApi& nccl) { nccl = api; };
  const fakes::FakeReport report = RunOnFakeGpus(
      ranks, counted, [&](const NcclOptions& options) -> absl::Status {
        PARLEY_ASSIGN_OR_RETURN(const auto comm,
                                NcclCommunicator::Create(options));
        PARLEY_ASSIGN_OR_RETURN(const auto got, RunParity(*comm, kParity));
        return CompareParity(got, expected[static_cast<size_t>(options.rank)]);
      });
  EXPECT_TRUE(report.diagnoses.empty()) << report;
  if (collectives != nullptr) *collectives = Collectives() - before;
  std::vector<absl::Status> statuses;
  for (const auto& rank : report.world.ranks) statuses.push_back(rank.status);
  return statuses;
}

TEST(ParityTest, NcclHasTheSimulatorsBits) {
  for (const int ranks : {2, 3}) {
    int64_t collectives = 0;
    for (const absl::Status& status : ParityOf(ranks, {}, &collectives)) {
      EXPECT_EQ(status, absl::OkStatus()) << ranks << " ranks";
    }
    // Of each rank: the budget of run.sh has to do for all checks.
    EXPECT_LE(collectives / ranks, 60) << ranks << " ranks";
    EXPECT_GE(collectives / ranks, 30) << ranks << " ranks";
  }
}

TEST(ParityTest, AMeanThatDoesNothingIsFound) {
  FakeGpus gpus;
  gpus.kernels.Mean = [](const MeanArgs&, const LaunchSettings&, cudaStream_t) {
    return cudaSuccess;
  };
  for (const absl::Status& status : ParityOf(2, gpus)) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("of meeting 0: "));
  }
}

TEST(ParityTest, RanksDivergeAndMeetingsDiffer) {
  const auto prints = SimulateParity(3, kParity).value();
  // Two meetings, the last one, and that of a pair: of each a fingerprint,
  // which ranks share, and a hash of this rank's bytes, gaps included.
  ASSERT_EQ(prints[0].size(), 8u);
  EXPECT_EQ(prints[1].size(), 6u);
  for (const size_t meeting : {0, 1, 2}) {
    EXPECT_EQ(prints[0][2 * meeting], prints[1][2 * meeting]);
    EXPECT_NE(prints[0][2 * meeting + 1], prints[1][2 * meeting + 1]);
  }
  EXPECT_EQ(prints[0][6], prints[2][6]);
  EXPECT_NE(prints[0][0], prints[0][2]);
  EXPECT_NE(prints[0],
            SimulateParity(3, {.seed = 8, .large = 5003}).value()[0]);
}

TEST(ParityTest, ComparingNamesTheDifference) {
  EXPECT_EQ(CompareParity({1, 2}, {1, 2}), absl::OkStatus());
  EXPECT_EQ(CompareParity({1, 2, 3, 4}, {1, 2, 3, 20}).message(),
            "bytes of meeting 1: 4, the simulator has 14");
  EXPECT_EQ(CompareParity({1}, {1, 2}).message(),
            "1 fingerprints, the simulator has 2");
}

// The statuses of three ranks when rank 2 dies at its `operation`th launch.
std::vector<absl::Status> DeathAt(int64_t operation,
                                  std::vector<absl::Status>& told) {
  FakeGpus gpus;
  if (operation >= 0) {
    fakes::FakeFault fault;
    fault.rank = 2;
    fault.operation = operation;
    gpus.machine.faults = {fault};
  }
  told.assign(3, absl::OkStatus());
  const fakes::FakeReport report =
      RunOnFakeGpus(3, gpus, [&](const NcclOptions& options) -> absl::Status {
        PARLEY_ASSIGN_OR_RETURN(const auto comm,
                                NcclCommunicator::Create(options));
        PARLEY_ASSIGN_OR_RETURN(const DeathReport death,
                                TrainThroughADeath(*comm, {.victim = 2}));
        told[static_cast<size_t>(options.rank)] = death.told;
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.diagnoses.empty()) << report;
  std::vector<absl::Status> statuses;
  for (const auto& rank : report.world.ranks) statuses.push_back(rank.status);
  return statuses;
}

TEST(DeathTest, SurvivorsGoOn) {
  for (const int64_t operation : {8, 10, 12, 14}) {
    std::vector<absl::Status> told;
    const std::vector<absl::Status> statuses = DeathAt(operation, told);
    for (const size_t rank : {0, 1}) {
      EXPECT_EQ(statuses[rank], absl::OkStatus()) << "launch " << operation;
      EXPECT_THAT(told[rank].code(),
                  AnyOf(Eq(absl::StatusCode::kUnavailable),
                        Eq(absl::StatusCode::kDeadlineExceeded)));
    }
  }
}

TEST(DeathTest, ADeathThatNobodyTellsOfIsFound) {
  std::vector<absl::Status> told;
  const std::vector<absl::Status> statuses = DeathAt(-1, told);
  EXPECT_EQ(statuses[0].message(), "the death was not told");
  EXPECT_EQ(statuses[2], absl::OkStatus());
}

TEST(OneRankTest, Passes) {
  const fakes::FakeReport report = RunOnFakeGpus(1, {}, CheckOneRank);
  EXPECT_TRUE(report.clean()) << report;
}

TEST(OneRankTest, AnOperationThatDoesNothingIsFound) {
  FakeGpus gpus;
  gpus.decorate = [](NcclApi& nccl) {
    nccl.AllReduce = [](const void*, void*, size_t, ncclDataType_t, ncclRedOp_t,
                        ncclComm_t, cudaStream_t) { return ncclSuccess; };
  };
  const fakes::FakeReport report = RunOnFakeGpus(1, gpus, CheckOneRank);
  EXPECT_EQ(report.world.ranks[0].status.message(),
            "operations: AllReduce: -1 instead of 3");
}

TEST(OverheadTest, BothSidesAreMeasured) {
  const fakes::FakeReport report =
      RunOnFakeGpus(2, {}, [](const NcclOptions& options) -> absl::Status {
        PARLEY_ASSIGN_OR_RETURN(
            const Overhead overhead,
            MeasureOverhead(options, {.elements = 4096, .repetitions = 3}));
        EXPECT_EQ(overhead.meeting_ms.size(), 3u);
        EXPECT_EQ(overhead.raw_ms.size(), 3u);
        for (const double ms : overhead.raw_ms) EXPECT_GT(ms, 0);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

TEST(OverheadTest, AMeetingThatDoesNothingIsFound) {
  FakeGpus gpus;
  gpus.kernels.Mean = [](const MeanArgs&, const LaunchSettings&, cudaStream_t) {
    return cudaSuccess;
  };
  const fakes::FakeReport report =
      RunOnFakeGpus(2, gpus, [](const NcclOptions& options) {
        return MeasureOverhead(options, {.elements = 4096}).status();
      });
  EXPECT_THAT(std::string(report.world.ranks[0].status.message()),
              HasSubstr("the mean: element 0 is "));
}

// Blocking communicators, which the library's are not: their gathers do
// nothing.
void BreakTheRawSide(NcclApi& nccl) {
  static thread_local ncclComm_t raw = nullptr;  // of this rank
  nccl.CommInitRankConfig = [](ncclComm_t* comm, int ranks, ncclUniqueId id,
                               int rank, ncclConfig_t* config) {
    const bool blocking = config->blocking != 0;
    const ncclResult_t result =
        fakes::FakeNcclApi(kNcclVersion)
            .CommInitRankConfig(comm, ranks, id, rank, config);
    if (blocking) raw = *comm;
    return result;
  };
  nccl.AllGather = [](const void* from, void* to, size_t count,
                      ncclDataType_t type, ncclComm_t comm,
                      cudaStream_t stream) {
    if (comm == raw) return ncclSuccess;
    return fakes::FakeNcclApi(kNcclVersion)
        .AllGather(from, to, count, type, comm, stream);
  };
}

TEST(OverheadTest, ARawExchangeThatDoesNothingIsFound) {
  FakeGpus gpus;
  gpus.decorate = BreakTheRawSide;
  const fakes::FakeReport report =
      RunOnFakeGpus(2, gpus, [](const NcclOptions& options) {
        return MeasureOverhead(options, {.elements = 4096}).status();
      });
  EXPECT_THAT(std::string(report.world.ranks[0].status.message()),
              HasSubstr("the raw exchange: element "));
}

TEST(OverheadTest, Prints) {
  Overhead overhead;
  overhead.meeting_ms = {3, 1, 2};
  overhead.raw_ms = {1, 4, 1};
  EXPECT_EQ(overhead.ToString(),
            "a meeting takes 2.00 ms [1.00, 3.00], its NCCL calls and copies "
            "1.00 ms [1.00, 4.00]: ratio 2.00");
}

// A table of calls that do nothing.
NcclApi IdleNccl() {
  NcclApi nccl = {};
  nccl.GroupStart = [] { return ncclSuccess; };
  nccl.GroupEnd = [] { return ncclSuccess; };
  nccl.Send = [](const void*, size_t, ncclDataType_t, int, ncclComm_t,
                 cudaStream_t) { return ncclSuccess; };
  nccl.Broadcast = [](const void*, void*, size_t, ncclDataType_t, int,
                      ncclComm_t, cudaStream_t) { return ncclSuccess; };
  return nccl;
}

void Send(const NcclApi& nccl) {
  nccl.Send(nullptr, 0, ncclInt8, 0, nullptr, nullptr);
}

TEST(CountedNcclTest, AGroupCountsOnce) {
  const NcclApi nccl = CountCollectives(IdleNccl());
  const int64_t before = Collectives();
  nccl.Broadcast(nullptr, nullptr, 0, ncclInt8, 0, nullptr, nullptr);
  EXPECT_EQ(Collectives(), before + 1);
  nccl.GroupStart();
  Send(nccl);
  nccl.GroupStart();
  Send(nccl);
  nccl.GroupEnd();
  EXPECT_EQ(Collectives(), before + 1);
  nccl.GroupEnd();
  EXPECT_EQ(Collectives(), before + 2);
  nccl.GroupStart();
  nccl.GroupEnd();
  EXPECT_EQ(Collectives(), before + 2);
}

TEST(CountedNcclTest, DiesAtTheGivenOne) {
  const NcclApi nccl = CountCollectives(IdleNccl());
  const auto die_after_two = [&nccl](int calls) {
    DieAfter(2);
    for (int i = 0; i < calls; ++i) Send(nccl);
    std::_Exit(3);
  };
  EXPECT_EXIT(die_after_two(1), ::testing::ExitedWithCode(3), "");
  EXPECT_EXIT(die_after_two(2), ::testing::KilledBySignal(SIGKILL), "");
}

}  // namespace
}  // namespace parley::gpu_check
