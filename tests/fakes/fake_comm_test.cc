// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// How communicators of the fake NCCL are made and ended.
#include "parley/tests/fakes/fake_comm.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "parley/tests/fakes/run_on_fakes.h"

namespace parley::fakes {
namespace {

int CountOf(FakeRank& rank, ncclComm_t comm) {
  int count = -1;
  EXPECT_EQ(rank.nccl.CommCount(comm, &count), ncclSuccess);
  return count;
}

// The sum over the communicator of `value`.
int SumOver(FakeRank& rank, GpuUser& gpu, ncclComm_t comm, int value) {
  cudaStream_t stream = gpu.Stream();
  int* x = gpu.Device<int>({value}, stream);
  gpu.Ready(comm,
            rank.nccl.AllReduce(x, x, 1, ncclInt32, ncclSum, comm, stream));
  return gpu.Read(x, 1, stream)[0];
}

TEST(FakeCommTest, NonBlockingInitIsInProgressUntilAllHaveCome) {
  const FakeReport report =
      RunAtAllWidths({.ranks = 3}, {}, [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        if (rank.rank() == 2) gpu.Sleep(absl::Milliseconds(5));
        ncclComm_t comm = nullptr;
        EXPECT_EQ(gpu.Init("id", /*blocking=*/false, &comm), ncclInProgress);
        ncclResult_t state = ncclSuccess;
        EXPECT_EQ(rank.nccl.CommGetAsyncError(comm, &state), ncclSuccess);
        EXPECT_EQ(state, ncclInProgress);
        gpu.Ready(comm, ncclInProgress);
        EXPECT_GE(rank.clock().NowNs(), 5'000'000);
        EXPECT_EQ(CountOf(rank, comm), 3);
        EXPECT_EQ(SumOver(rank, gpu, comm, rank.rank() + 1), 6);
        gpu.Close(comm);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

TEST(FakeCommTest, BlockingInitBlocks) {
  const FakeReport report =
      RunAtAllWidths({.ranks = 2}, {}, [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        if (rank.rank() == 1) gpu.Sleep(absl::Milliseconds(5));
        ncclComm_t comm = nullptr;
        EXPECT_EQ(gpu.Init("id", /*blocking=*/true, &comm), ncclSuccess);
        EXPECT_GE(rank.clock().NowNs(), 5'000'000);
        EXPECT_EQ(rank.nccl.CommDestroy(comm), ncclSuccess);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

// Ranks of a split are ordered by key, then by their old rank.
TEST(FakeCommTest, Split) {
  const FakeReport report =
      RunAtAllWidths({.ranks = 5}, {}, [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        ncclComm_t comm = gpu.Comm();
        const int color =
            rank.rank() == 4 ? NCCL_SPLIT_NOCOLOR : rank.rank() % 2;
        ncclComm_t part = reinterpret_cast<ncclComm_t>(&gpu);
        const ncclResult_t returned =
            rank.nccl.CommSplit(comm, color, -rank.rank(), &part, nullptr);
        // Nothing is there before the parent says so.
        EXPECT_EQ(returned, ncclInProgress);
        EXPECT_EQ(part, nullptr);
        gpu.Ready(comm, returned);
        if (rank.rank() == 4) {
          EXPECT_EQ(part, nullptr);
        } else {
          EXPECT_EQ(CountOf(rank, part), 2);
          EXPECT_EQ(SumOver(rank, gpu, part, rank.rank()),
                    color == 0 ? 0 + 2 : 1 + 3);
          // The last of the old ranks is the first of the new ones.
          cudaStream_t stream = gpu.Stream();
          int* x = gpu.Device<int>({rank.rank()}, stream);
          gpu.Ready(part,
                    rank.nccl.Broadcast(x, x, 1, ncclInt32, 0, part, stream));
          EXPECT_EQ(gpu.Read(x, 1, stream)[0], color == 0 ? 2 : 3);
          gpu.Close(part);
        }
        gpu.Close(comm);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

TEST(FakeCommTest, ShrinkKeepsTheOrder) {
  const FakeReport report =
      RunAtAllWidths({.ranks = 4}, {}, [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        ncclComm_t comm = gpu.Comm();
        if (rank.rank() != 1) {
          int excluded = 1;
          ncclComm_t fewer = nullptr;
          gpu.Ready(comm, rank.nccl.CommShrink(comm, &excluded, 1, &fewer,
                                               nullptr, NCCL_SHRINK_DEFAULT));
          EXPECT_EQ(CountOf(rank, fewer), 3);
          cudaStream_t stream = gpu.Stream();
          int* x = gpu.Device<int>({rank.rank()}, stream);
          gpu.Ready(fewer,
                    rank.nccl.Broadcast(x, x, 1, ncclInt32, 1, fewer, stream));
          EXPECT_EQ(gpu.Read(x, 1, stream)[0], 2);
          gpu.Close(fewer);
        }
        gpu.Close(comm);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

// With the flag, it gets a stream free that waits for a rank which never comes.
TEST(FakeCommTest, ShrinkMayAbort) {
  const FakeReport report =
      RunAtAllWidths({.ranks = 3}, {}, [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        ncclComm_t comm = gpu.Comm();
        if (rank.rank() != 2) {
          cudaStream_t stream = gpu.Stream();
          int* x = gpu.Device<int>({1}, stream);
          gpu.Ready(comm, rank.nccl.AllReduce(x, x, 1, ncclInt32, ncclSum, comm,
                                              stream));
          gpu.Sleep(absl::Milliseconds(1));
          EXPECT_EQ(rank.cuda.StreamQuery(stream), cudaErrorNotReady);
          int excluded = 2;
          ncclComm_t fewer = nullptr;
          gpu.Ready(comm, rank.nccl.CommShrink(comm, &excluded, 1, &fewer,
                                               nullptr, NCCL_SHRINK_ABORT));
          EXPECT_TRUE(gpu.Wait(stream));
          EXPECT_EQ(SumOver(rank, gpu, fewer, 1), 2);
          gpu.Close(fewer);
        }
        EXPECT_EQ(rank.nccl.CommAbort(comm), ncclSuccess);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

TEST(FakeCommTest, TheOldestVersionHasNoShrink) {
  FakeOptions options;
  options.nccl_version = 21800;
  RunOnFakes({.ranks = 1}, options, [](FakeRank& rank) -> absl::Status {
    int version = 0;
    EXPECT_EQ(rank.nccl.GetVersion(&version), ncclSuccess);
    EXPECT_EQ(version, 21800);
    EXPECT_EQ(rank.nccl.CommShrink, nullptr);
    return absl::OkStatus();
  });
  EXPECT_NE(FakeOptions().nccl_version, 21800);
}

TEST(FakeCommTest, UniqueIdsDiffer) {
  RunOnFakes({.ranks = 1}, {}, [](FakeRank& rank) -> absl::Status {
    ncclUniqueId a;
    ncclUniqueId b;
    EXPECT_EQ(rank.nccl.GetUniqueId(&a), ncclSuccess);
    EXPECT_EQ(rank.nccl.GetUniqueId(&b), ncclSuccess);
    const std::string first(a.internal, sizeof(a.internal));
    EXPECT_NE(first, std::string(b.internal, sizeof(b.internal)));
    EXPECT_NE(first.find('\0'), std::string::npos);
    return absl::OkStatus();
  });
}

// Destroying is a collective where nobody has finalised before.
TEST(FakeCommTest, DestroyWaitsForTheOthers) {
  const FakeReport report =
      RunAtAllWidths({.ranks = 2}, {}, [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        ncclComm_t comm = gpu.Comm();
        if (rank.rank() == 1) gpu.Sleep(absl::Milliseconds(5));
        EXPECT_EQ(rank.nccl.CommDestroy(comm), ncclSuccess);
        EXPECT_GE(rank.clock().NowNs(), 5'000'000);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

TEST(FakeCommTest, FinalizeWaitsForOperations) {
  const FakeReport report =
      RunAtAllWidths({.ranks = 2}, {}, [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        cudaStream_t stream = gpu.Stream();
        ncclComm_t comm = gpu.Comm();
        int* x = gpu.Device<int>({1}, stream);
        gpu.Ready(comm, rank.nccl.AllReduce(x, x, 1, ncclInt32, ncclSum, comm,
                                            stream));
        EXPECT_EQ(rank.nccl.CommFinalize(comm), ncclInProgress);
        gpu.Ready(comm, ncclInProgress);
        EXPECT_EQ(rank.cuda.StreamQuery(stream), cudaSuccess);
        EXPECT_EQ(rank.nccl.CommDestroy(comm), ncclSuccess);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

// Aborting frees memory, and that waits for all that runs on the device: one
// abort after the other hangs where one group of aborts does not.
TEST(FakeCommTest, AbortsOfSeveralBelongInOneGroup) {
  for (const bool grouped : {true, false}) {
    const FakeReport report = RunAtAllWidths(
        {.ranks = 2}, {}, [grouped](FakeRank& rank) -> absl::Status {
          GpuUser gpu(rank);
          cudaStream_t stream = gpu.Stream();
          ncclComm_t a = gpu.Comm();
          ncclComm_t b = gpu.Comm();
          int* x = gpu.Device<int>({1}, stream);
          if (rank.rank() == 0) {
            gpu.Ready(
                b, rank.nccl.AllReduce(x, x, 1, ncclInt32, ncclSum, b, stream));
            gpu.Sleep(absl::Milliseconds(1));
          }
          if (grouped) rank.nccl.GroupStart();
          const ncclResult_t first = rank.nccl.CommAbort(a);
          rank.nccl.CommAbort(b);
          if (grouped) {
            EXPECT_EQ(rank.nccl.GroupEnd(), ncclSuccess);
          } else if (rank.rank() == 0) {
            EXPECT_EQ(first, ncclInternalError);
          }
          EXPECT_TRUE(gpu.Wait(stream));
          return absl::OkStatus();
        });
    EXPECT_EQ(report.clean(), grouped) << report;
    EXPECT_EQ(report.world.status.message().find("rank 0 at") !=
                  absl::string_view::npos,
              !grouped)
        << report;
  }
}

}  // namespace
}  // namespace parley::fakes
