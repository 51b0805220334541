// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/fakes/faults.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "parley/tests/fakes/run_on_fakes.h"

namespace parley::fakes {
namespace {

FakeOptions With(const FakeFault& fault) {
  FakeOptions options;
  options.faults = {fault};
  return options;
}

// Rounds of AllReduce over two ranks, polled for `patience` each; returns the
// round that did not end, or `rounds`.
int RunRounds(FakeRank& rank, GpuUser& gpu, ncclComm_t comm,
              cudaStream_t stream, int rounds) {
  int* x = gpu.Device<int>({1}, stream);
  for (int round = 0; round < rounds; ++round) {
    const ncclResult_t called = gpu.Settle(
        comm, rank.nccl.AllReduce(x, x, 1, ncclInt32, ncclSum, comm, stream));
    if (called != ncclSuccess) return round;
    gpu.Sleep(absl::Milliseconds(1));
    const cudaError_t done = rank.cuda.StreamQuery(stream);
    rank.cuda.GetLastError();
    if (done != cudaSuccess) return round;
  }
  return rounds;
}

TEST(FaultsTest, NoneIsNone) {
  const FakeReport report =
      RunAtAllWidths({.ranks = 2}, {}, [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        ncclComm_t comm = gpu.Comm();
        EXPECT_EQ(RunRounds(rank, gpu, comm, gpu.Stream(), 4), 4);
        gpu.Close(comm);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

TEST(FaultsTest, DeathStopsADevice) {
  const FakeReport report = RunAtAllWidths(
      {.ranks = 2},
      With({.kind = FaultKind::kDeath,
            .rank = 1,
            .operation = 2,
            .notice = absl::Milliseconds(20)}),
      [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        cudaStream_t stream = gpu.Stream();
        ncclComm_t comm = gpu.Comm();
        EXPECT_EQ(RunRounds(rank, gpu, comm, stream, 4), 2);
        int count = 0;
        ncclResult_t state = ncclSuccess;
        if (rank.rank() == 1) {
          EXPECT_EQ(rank.cuda.GetDevice(&count), cudaErrorDevicesUnavailable);
          EXPECT_EQ(rank.nccl.CommGetAsyncError(comm, &state),
                    ncclUnhandledCudaError);
          EXPECT_EQ(rank.nccl.CommAbort(comm), ncclUnhandledCudaError);
          return absl::OkStatus();
        }
        EXPECT_EQ(rank.nccl.CommGetAsyncError(comm, &state), ncclSuccess);
        EXPECT_EQ(state, ncclSuccess);
        gpu.Sleep(absl::Milliseconds(30));
        EXPECT_EQ(rank.nccl.CommGetAsyncError(comm, &state), ncclSuccess);
        EXPECT_EQ(state, ncclRemoteError);
        EXPECT_STREQ(rank.nccl.GetLastError(comm),
                     "connection closed by rank 1");
        EXPECT_EQ(rank.nccl.CommAbort(comm), ncclSuccess);
        EXPECT_TRUE(gpu.Wait(stream));
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

TEST(FaultsTest, DeathAtATime) {
  const FakeReport report = RunAtAllWidths(
      {.ranks = 1},
      With({.kind = FaultKind::kDeath, .at = absl::Milliseconds(7)}),
      [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        int device = 0;
        while (rank.cuda.GetDevice(&device) == cudaSuccess) {
          gpu.Sleep(absl::Microseconds(100));
        }
        EXPECT_NEAR(static_cast<double>(rank.clock().NowNs()), 7e6, 2e5);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

// The error is told, the operation hangs, and only an abort frees the stream.
TEST(FaultsTest, AsyncError) {
  for (const int64_t operation : {int64_t{1}, int64_t{-1}}) {
    const FakeReport report = RunAtAllWidths(
        {.ranks = 2},
        With({.kind = FaultKind::kAsyncError,
              .rank = 0,
              .operation = operation,
              .at = absl::Milliseconds(2),
              .error = ncclSystemError}),
        [](FakeRank& rank) -> absl::Status {
          GpuUser gpu(rank);
          cudaStream_t stream = gpu.Stream();
          ncclComm_t comm = gpu.Comm();
          EXPECT_LT(RunRounds(rank, gpu, comm, stream, 9), 9);
          ncclResult_t state = ncclSuccess;
          EXPECT_EQ(rank.nccl.CommGetAsyncError(comm, &state), ncclSuccess);
          EXPECT_EQ(state, rank.rank() == 0 ? ncclSystemError : ncclSuccess);
          EXPECT_EQ(rank.nccl.CommAbort(comm), ncclSuccess);
          EXPECT_TRUE(gpu.Wait(stream));
          return absl::OkStatus();
        });
    EXPECT_TRUE(report.clean()) << report;
  }
}

TEST(FaultsTest, TheFirstErrorStays) {
  FakeOptions options;
  options.faults = {{.kind = FaultKind::kAsyncError,
                     .at = absl::Milliseconds(2),
                     .error = ncclSystemError},
                    {.kind = FaultKind::kDeath,
                     .rank = 1,
                     .at = absl::Milliseconds(3),
                     .notice = absl::Milliseconds(1)}};
  const FakeReport report =
      RunAtAllWidths({.ranks = 2}, options, [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        ncclComm_t comm = gpu.Comm();
        gpu.Sleep(absl::Milliseconds(10));
        if (rank.rank() == 1) return absl::OkStatus();
        ncclResult_t state = ncclSuccess;
        EXPECT_EQ(rank.nccl.CommGetAsyncError(comm, &state), ncclSuccess);
        EXPECT_EQ(state, ncclSystemError);
        EXPECT_EQ(rank.nccl.CommAbort(comm), ncclSuccess);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

TEST(FaultsTest, DestroyAfterAnErrorIsDiagnosed) {
  const FakeReport report = RunAtAllWidths(
      {.ranks = 1},
      With({.kind = FaultKind::kAsyncError, .at = absl::Milliseconds(2)}),
      [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        ncclComm_t comm = gpu.Comm();
        gpu.Sleep(absl::Milliseconds(5));
        EXPECT_EQ(rank.nccl.CommDestroy(comm), ncclRemoteError);
        EXPECT_EQ(rank.nccl.CommAbort(comm), ncclSuccess);
        return absl::OkStatus();
      });
  EXPECT_TRUE(
      report.Mentions("ncclCommDestroy: comm 1 has failed (a scripted "
                      "fault): only CommAbort ends it"))
      << report;
  EXPECT_EQ(report.diagnoses.size(), 1u) << report;
}

TEST(FaultsTest, AnOperationThatNeverCompletes) {
  const FakeReport report = RunAtAllWidths(
      {.ranks = 2},
      With({.kind = FaultKind::kNeverCompletes, .rank = 1, .operation = 3}),
      [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        cudaStream_t stream = gpu.Stream();
        ncclComm_t comm = gpu.Comm();
        EXPECT_EQ(RunRounds(rank, gpu, comm, stream, 5), 3);
        ncclResult_t state = ncclInProgress;
        EXPECT_EQ(rank.nccl.CommGetAsyncError(comm, &state), ncclSuccess);
        EXPECT_EQ(state, ncclSuccess);
        EXPECT_EQ(rank.nccl.CommAbort(comm), ncclSuccess);
        EXPECT_TRUE(gpu.Wait(stream));
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

// One rank is told, the other waits.
TEST(FaultsTest, InitThatFails) {
  const FakeReport report = RunAtAllWidths(
      {.ranks = 2},
      With({.kind = FaultKind::kInitFails,
            .rank = 1,
            .operation = 1,
            .error = ncclSystemError}),
      [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        gpu.Close(gpu.Comm());
        ncclComm_t comm = nullptr;
        EXPECT_EQ(gpu.Init("second", /*blocking=*/false, &comm),
                  ncclInProgress);
        gpu.Sleep(absl::Milliseconds(5));
        ncclResult_t state = ncclSuccess;
        EXPECT_EQ(rank.nccl.CommGetAsyncError(comm, &state), ncclSuccess);
        EXPECT_EQ(state, rank.rank() == 1 ? ncclSystemError : ncclInProgress);
        EXPECT_EQ(rank.nccl.CommAbort(comm), ncclSuccess);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

TEST(FaultsTest, InitThatHangs) {
  const FakeReport report = RunAtAllWidths(
      {.ranks = 2}, With({.kind = FaultKind::kInitHangs, .rank = 1}),
      [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        ncclComm_t comm = nullptr;
        EXPECT_EQ(gpu.Init("first", /*blocking=*/false, &comm), ncclInProgress);
        gpu.Sleep(absl::Milliseconds(5));
        ncclResult_t state = ncclSuccess;
        EXPECT_EQ(rank.nccl.CommGetAsyncError(comm, &state), ncclSuccess);
        EXPECT_EQ(state, ncclInProgress);
        EXPECT_EQ(rank.nccl.CommAbort(comm), ncclSuccess);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

// The call comes back when all ranks have returned, so that its thread ends.
TEST(FaultsTest, AbortThatHangs) {
  for (const bool on_an_actor : {true, false}) {
    bool rank_1_returned = false;
    bool came_back = false;
    const FakeReport report = RunOnFakes(
        {.ranks = 2}, With({.kind = FaultKind::kAbortHangs, .rank = 0}),
        [&](FakeRank& rank) -> absl::Status {
          GpuUser gpu(rank);
          ncclComm_t comm = gpu.Comm();
          if (rank.rank() == 1) {
            EXPECT_EQ(rank.nccl.CommAbort(comm), ncclSuccess);
            gpu.Sleep(absl::Milliseconds(50));
            EXPECT_FALSE(came_back);
            rank_1_returned = true;
            return absl::OkStatus();
          }
          const NcclApi* nccl = &rank.nccl;
          const auto abort = [&, nccl, comm] {
            EXPECT_EQ(nccl->CommAbort(comm), ncclSystemError);
            EXPECT_TRUE(rank_1_returned);
            came_back = true;
          };
          if (on_an_actor) {
            // Joining it would hang as well: whoever has such a thread leaves
            // it behind, where no checker takes it for a leak.
            static auto* const left_behind =
                new std::vector<std::unique_ptr<ClockThread>>;
            left_behind->push_back(rank.clock().StartThread("aborter", abort));
            gpu.Sleep(absl::Milliseconds(1));
          } else {
            abort();
          }
          return absl::OkStatus();
        });
    EXPECT_TRUE(came_back);
    EXPECT_TRUE(report.clean()) << report;
  }
}

// Everything is slower by the factor on average, within what draws do.
TEST(FaultsTest, SlowDevice) {
  int64_t total_ns[2] = {};
  for (const int slow : {0, 1}) {
    FakeOptions options;
    if (slow == 1) {
      options.faults = {{.kind = FaultKind::kSlowDevice, .percent = 1000}};
    }
    RunOnFakes({.ranks = 1}, options, [&](FakeRank& rank) -> absl::Status {
      GpuUser gpu(rank);
      cudaStream_t stream = gpu.Stream();
      int* x = gpu.Device<int>({1}, stream);
      const int64_t before = rank.clock().NowNs();
      for (int i = 0; i < 50; ++i) gpu.Add(x, 1, 1, stream);
      EXPECT_TRUE(gpu.Wait(stream));
      total_ns[slow] = rank.clock().NowNs() - before;
      return absl::OkStatus();
    });
  }
  EXPECT_GT(total_ns[1], 9 * total_ns[0]);
  EXPECT_LT(total_ns[1], 11 * total_ns[0]);
}

}  // namespace
}  // namespace parley::fakes
