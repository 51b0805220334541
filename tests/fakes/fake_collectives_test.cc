// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What the operations do to bytes, with which others they end, and what is said
// about those that do not fit together.
#include "parley/tests/fakes/fake_collectives.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "parley/tests/fakes/fake_cuda.h"
#include "parley/tests/fakes/run_on_fakes.h"

namespace parley::fakes {
namespace {

using Body = std::function<void(FakeRank&, GpuUser&, ncclComm_t, cudaStream_t)>;

// Runs the body with a communicator of all ranks, which is aborted at the end,
// since not all programs here end well.
FakeReport RunWithComm(int ranks, const FakeOptions& options,
                       const Body& body) {
  return RunAtAllWidths({.ranks = ranks, .seed = 3}, options,
                        [&body](FakeRank& rank) -> absl::Status {
                          GpuUser gpu(rank);
                          cudaStream_t stream = gpu.Stream();
                          ncclComm_t comm = gpu.Comm();
                          body(rank, gpu, comm, stream);
                          EXPECT_EQ(rank.nccl.CommAbort(comm), ncclSuccess);
                          gpu.Wait(stream);
                          return absl::OkStatus();
                        });
}

TEST(FakeCollectivesTest, AllGather) {
  const FakeReport report = RunWithComm(
      3, {},
      [](FakeRank& rank, GpuUser& gpu, ncclComm_t comm, cudaStream_t stream) {
        const int r = rank.rank();
        int* x = gpu.Device<int>({10 * r, 10 * r + 1}, stream);
        int* all = gpu.Device<int>(std::vector<int>(6), stream);
        gpu.Ready(comm,
                  rank.nccl.AllGather(x, all, 2, ncclInt32, comm, stream));
        EXPECT_EQ(gpu.Read(all, 6, stream),
                  std::vector<int>({0, 1, 10, 11, 20, 21}));
        // In place.
        std::vector<int> own(6, -1);
        own[2 * r] = 100 * r;
        own[2 * r + 1] = 100 * r + 1;
        int* y = gpu.Device<int>(own, stream);
        gpu.Ready(comm, rank.nccl.AllGather(y + 2 * r, y, 2, ncclInt32, comm,
                                            stream));
        EXPECT_EQ(gpu.Read(y, 6, stream),
                  std::vector<int>({0, 1, 100, 101, 200, 201}));
      });
  EXPECT_TRUE(report.clean()) << report;
}

TEST(FakeCollectivesTest, BroadcastReadsTheRootAlone) {
  const FakeReport report = RunWithComm(
      3, {},
      [](FakeRank& rank, GpuUser& gpu, ncclComm_t comm, cudaStream_t stream) {
        int* x = gpu.Device<int>({rank.rank(), 7}, stream);
        int* y = gpu.Device<int>({-1, -1}, stream);
        gpu.Ready(comm, rank.nccl.Broadcast(rank.rank() == 1 ? x : nullptr, y,
                                            2, ncclInt32, 1, comm, stream));
        EXPECT_EQ(gpu.Read(y, 2, stream), std::vector<int>({1, 7}));
        gpu.Ready(comm,
                  rank.nccl.Broadcast(x, x, 2, ncclInt32, 2, comm, stream));
        EXPECT_EQ(gpu.Read(x, 2, stream), std::vector<int>({2, 7}));
      });
  EXPECT_TRUE(report.clean()) << report;
}

// Every rank's value goes round the ring by one place, and to itself.
TEST(FakeCollectivesTest, SendAndRecvInOneGroup) {
  const FakeReport report = RunWithComm(
      4, {},
      [](FakeRank& rank, GpuUser& gpu, ncclComm_t comm, cudaStream_t stream) {
        const int r = rank.rank();
        int* x = gpu.Device<int>({r, 10 + r}, stream);
        int* y = gpu.Device<int>({-1, -1}, stream);
        rank.nccl.GroupStart();
        rank.nccl.GroupStart();
        rank.nccl.Send(x, 1, ncclInt32, (r + 1) % 4, comm, stream);
        rank.nccl.Recv(y, 1, ncclInt32, (r + 3) % 4, comm, stream);
        EXPECT_EQ(rank.nccl.GroupEnd(), ncclSuccess);
        rank.nccl.Recv(y + 1, 1, ncclInt32, r, comm, stream);
        rank.nccl.Send(x + 1, 1, ncclInt32, r, comm, stream);
        gpu.Ready(comm, rank.nccl.GroupEnd());
        EXPECT_EQ(gpu.Read(y, 2, stream),
                  std::vector<int>({(r + 3) % 4, 10 + r}));
      });
  EXPECT_TRUE(report.clean()) << report;
}

TEST(FakeCollectivesTest, MessagesKeepTheirOrder) {
  const FakeReport report = RunWithComm(
      2, {},
      [](FakeRank& rank, GpuUser& gpu, ncclComm_t comm, cudaStream_t stream) {
        int* x = gpu.Device<int>({1, 2}, stream);
        rank.nccl.GroupStart();
        for (int i = 0; i < 2; ++i) {
          if (rank.rank() == 0) {
            rank.nccl.Send(x + i, 1, ncclInt32, 1, comm, stream);
          } else {
            rank.nccl.Recv(x + 1 - i, 1, ncclInt32, 0, comm, stream);
          }
        }
        gpu.Ready(comm, rank.nccl.GroupEnd());
        EXPECT_EQ(gpu.Read(x, 2, stream), rank.rank() == 0
                                              ? std::vector<int>({1, 2})
                                              : std::vector<int>({2, 1}));
      });
  EXPECT_TRUE(report.clean()) << report;
}

// Chunk k of three is (x[k+1] + x[k+2]) + x[k]. With 2^24, 1 and 1 in float32:
// (1 + 1) + 2^24 is exact, and adding one to 2^24 does nothing.
TEST(FakeCollectivesTest, AllReduceAddsInRingOrder) {
  const FakeReport report = RunWithComm(
      3, {},
      [](FakeRank& rank, GpuUser& gpu, ncclComm_t comm, cudaStream_t stream) {
        const float big = 16777216;
        const float mine = rank.rank() == 0 ? big : 1;
        float* x = gpu.Device<float>({mine, mine, mine}, stream);
        gpu.Ready(comm, rank.nccl.AllReduce(x, x, 3, ncclFloat32, ncclSum, comm,
                                            stream));
        EXPECT_EQ(gpu.Read(x, 3, stream),
                  std::vector<float>({big + 2, big, big}));
      });
  EXPECT_TRUE(report.clean()) << report;
}

// bfloat16: every hop rounds. 256 + 1 is between 256 and 258, and ties to even.
TEST(FakeCollectivesTest, AllReduceRoundsAtEveryHop) {
  const FakeReport report = RunWithComm(
      3, {},
      [](FakeRank& rank, GpuUser& gpu, ncclComm_t comm, cudaStream_t stream) {
        const uint16_t k256 = 0x4380;
        const uint16_t k258 = 0x4381;
        const uint16_t k1 = 0x3f80;
        const uint16_t mine = rank.rank() == 0 ? k256 : k1;
        uint16_t* x = gpu.Device<uint16_t>({mine, mine, mine}, stream);
        gpu.Ready(comm, rank.nccl.AllReduce(x, x, 3, ncclBfloat16, ncclSum,
                                            comm, stream));
        EXPECT_EQ(gpu.Read(x, 3, stream),
                  std::vector<uint16_t>({k258, k256, k256}));
      });
  EXPECT_TRUE(report.clean()) << report;
}

TEST(FakeCollectivesTest, MinMaxAndIntegers) {
  const FakeReport report = RunWithComm(
      2, {},
      [](FakeRank& rank, GpuUser& gpu, ncclComm_t comm, cudaStream_t stream) {
        const int r = rank.rank();
        int* x = gpu.Device<int>({r == 0 ? -5 : 3, 2147483647}, stream);
        int* y = gpu.Device<int>({0, 0}, stream);
        gpu.Ready(comm, rank.nccl.AllReduce(x, y, 2, ncclInt32, ncclMin, comm,
                                            stream));
        EXPECT_EQ(gpu.Read(y, 2, stream), std::vector<int>({-5, 2147483647}));
        gpu.Ready(comm, rank.nccl.AllReduce(x, y, 2, ncclInt32, ncclMax, comm,
                                            stream));
        EXPECT_EQ(gpu.Read(y, 2, stream), std::vector<int>({3, 2147483647}));
        // Sums wrap around.
        gpu.Ready(comm, rank.nccl.AllReduce(x, y, 2, ncclInt32, ncclSum, comm,
                                            stream));
        EXPECT_EQ(gpu.Read(y, 2, stream), std::vector<int>({-2, -2}));
      });
  EXPECT_TRUE(report.clean()) << report;
}

// ncclAvg multiplies by 1/3 rounded to bfloat16, 171/512: 1.75 * 171/512 is
// 0.5845, which rounds to 0.5859375; twice that is exact, and three times that,
// 1.7578125, is the next number after 1.75.
TEST(FakeCollectivesTest, AverageOfEqualBFloat16IsNotTheIdentity) {
  const FakeReport report = RunWithComm(
      3, {},
      [](FakeRank& rank, GpuUser& gpu, ncclComm_t comm, cudaStream_t stream) {
        uint16_t* x = gpu.Device<uint16_t>({0x3fe0}, stream);
        gpu.Ready(comm, rank.nccl.AllReduce(x, x, 1, ncclBfloat16, ncclAvg,
                                            comm, stream));
        EXPECT_EQ(gpu.Read(x, 1, stream)[0], 0x3fe1);
        int* y = gpu.Device<int>({rank.rank() == 0 ? 8 : 0}, stream);
        gpu.Ready(comm, rank.nccl.AllReduce(y, y, 1, ncclInt32, ncclAvg, comm,
                                            stream));
        EXPECT_EQ(gpu.Read(y, 1, stream)[0], 2);
      });
  EXPECT_TRUE(report.clean()) << report;
}

// Operations of one communicator run in the order of the calls on different
// streams, too.
TEST(FakeCollectivesTest, OneCommunicatorOnTwoStreams) {
  const FakeReport report = RunWithComm(
      2, {},
      [](FakeRank& rank, GpuUser& gpu, ncclComm_t comm, cudaStream_t stream) {
        cudaStream_t other = gpu.Stream();
        int* x = gpu.Device<int>({1}, stream);
        EXPECT_TRUE(gpu.Wait(stream));
        // Sums are 2, 4 and 8 in this order alone.
        for (cudaStream_t s : {stream, other, stream}) {
          gpu.Ready(comm,
                    rank.nccl.AllReduce(x, x, 1, ncclInt32, ncclSum, comm, s));
        }
        EXPECT_EQ(gpu.Read(x, 1, stream)[0], 8);
        EXPECT_TRUE(gpu.Wait(other));
      });
  EXPECT_TRUE(report.clean()) << report;
}

// One kernel at a time on a device, in the order of the calls: a group may mix
// streams, and collectives of nothing do not wait for anybody.
TEST(FakeCollectivesTest, GroupOverTwoStreams) {
  const FakeReport report = RunWithComm(
      2, {},
      [](FakeRank& rank, GpuUser& gpu, ncclComm_t comm, cudaStream_t stream) {
        cudaStream_t other = gpu.Stream();
        int* x = gpu.Device<int>({1}, stream);
        int* y = gpu.Device<int>({2}, other);
        rank.nccl.GroupStart();
        rank.nccl.AllReduce(x, x, 1, ncclInt32, ncclSum, comm, stream);
        rank.nccl.AllReduce(y, y, 1, ncclInt32, ncclSum, comm, other);
        gpu.Ready(comm, rank.nccl.GroupEnd());
        EXPECT_EQ(gpu.Read(x, 1, stream)[0], 2);
        EXPECT_EQ(gpu.Read(y, 1, other)[0], 4);
        if (rank.rank() == 0) {
          EXPECT_EQ(
              rank.nccl.AllReduce(x, x, 0, ncclInt32, ncclSum, comm, stream),
              ncclSuccess);
          EXPECT_EQ(rank.cuda.StreamQuery(stream), cudaSuccess);
        }
      });
  EXPECT_TRUE(report.clean()) << report;
}

}  // namespace
}  // namespace parley::fakes
