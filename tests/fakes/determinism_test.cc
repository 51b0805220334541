// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// One seed is one run: programs drawn at random, with streams, events, groups
// and two threads per rank, give the same report on every run and for any
// number of threads at once, and other reports for other seeds.
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "parley/base/random.h"
#include "parley/tests/fakes/run_on_fakes.h"

namespace parley::fakes {
namespace {

constexpr int kRanks = 4;
constexpr int kSteps = 12;

// The same draws on all ranks, so that their operations fit together.
void RunProgram(FakeRank& rank, GpuUser& gpu, uint64_t seed) {
  Random draws = Random(seed).Fork("program");
  ncclComm_t comm = gpu.Comm();
  std::vector<cudaStream_t> streams = {gpu.Stream(), gpu.Stream()};
  cudaEvent_t event = gpu.Event();
  int* x = gpu.Device<int>({rank.rank(), 1, 2, 3}, streams[0]);
  EXPECT_TRUE(gpu.Wait(streams[0]));
  int* all = gpu.Device<int>(std::vector<int>(4 * kRanks), streams[0]);
  EXPECT_TRUE(gpu.Wait(streams[0]));
  for (int step = 0; step < kSteps; ++step) {
    cudaStream_t stream = streams[draws.Uniform(2)];
    switch (draws.Uniform(4)) {
      case 0:
        gpu.Add(x, 4, step, stream);
        break;
      case 1:
        gpu.Ready(comm, rank.nccl.AllReduce(x, x, 4, ncclInt32, ncclSum, comm,
                                            stream));
        break;
      case 2:
        gpu.Ready(comm,
                  rank.nccl.AllGather(x, all, 4, ncclInt32, comm, stream));
        break;
      default:
        rank.context.Compute(absl::Microseconds(draws.Uniform(50)));
        break;
    }
    // The other stream goes on after this one.
    for (cudaStream_t other : streams) {
      if (other == stream) continue;
      rank.cuda.EventRecord(event, stream);
      rank.cuda.StreamWaitEvent(other, event, 0);
    }
  }
  for (cudaStream_t stream : streams) EXPECT_TRUE(gpu.Wait(stream));
  gpu.Close(comm);
}

FakeReport RunSeed(uint64_t seed, int width) {
  return RunOnFakes({.ranks = kRanks, .seed = seed, .max_parallel = width}, {},
                    [seed](FakeRank& rank) -> absl::Status {
                      // A thread of the rank that uses the device, but no
                      // communicator.
                      auto background =
                          rank.clock().StartThread("background", [&rank] {
                            rank.cuda.SetDevice(rank.rank());
                            GpuUser gpu(rank);
                            cudaStream_t stream = gpu.Stream();
                            int* y = gpu.Device<int>({0}, stream);
                            for (int i = 0; i < 10; ++i) {
                              gpu.Add(y, 1, 1, stream);
                              gpu.Sleep(absl::Microseconds(20));
                            }
                            EXPECT_EQ(gpu.Read(y, 1, stream)[0], 10);
                          });
                      {
                        GpuUser gpu(rank);
                        RunProgram(rank, gpu, seed);
                      }
                      background->Join();
                      return absl::OkStatus();
                    });
}

TEST(DeterminismTest, OneSeedIsOneRun) {
  std::set<uint64_t> hashes;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const FakeReport first = RunSeed(seed, 1);
    EXPECT_TRUE(first.clean()) << "seed " << seed << "\n" << first;
    for (const int width : {1, 2, 3, 0}) {
      const FakeReport again = RunSeed(seed, width);
      EXPECT_EQ(again.trace_hash, first.trace_hash)
          << "seed " << seed << ", width " << width;
      EXPECT_EQ(again.items, first.items);
      EXPECT_EQ(again.world.virtual_ns, first.world.virtual_ns);
    }
    hashes.insert(first.trace_hash);
  }
  EXPECT_EQ(hashes.size(), 8u);
}

// The hash covers what streams do, and when.
TEST(DeterminismTest, OtherWorkIsAnotherRun) {
  std::set<uint64_t> hashes;
  for (const uint64_t seed : {0, 1}) {
    for (const int kernels : {1, 2}) {
      const FakeReport report =
          RunOnFakes({.ranks = 1, .seed = seed}, {},
                     [kernels](FakeRank& rank) -> absl::Status {
                       GpuUser gpu(rank);
                       cudaStream_t stream = gpu.Stream();
                       auto* x = static_cast<int*>(gpu.Memory(sizeof(int)));
                       for (int i = 0; i < kernels; ++i)
                         gpu.Add(x, 1, 1, stream);
                       EXPECT_TRUE(gpu.Wait(stream));
                       return absl::OkStatus();
                     });
      EXPECT_EQ(report.items, kernels);
      hashes.insert(report.trace_hash);
    }
  }
  EXPECT_EQ(hashes.size(), 4u);
}

// The hash covers the bytes that move.
TEST(DeterminismTest, OtherBytesAreAnotherRun) {
  uint64_t hashes[2];
  for (int value = 0; value < 2; ++value) {
    hashes[value] =
        RunOnFakes({.ranks = 2}, {}, [value](FakeRank& rank) -> absl::Status {
          GpuUser gpu(rank);
          cudaStream_t stream = gpu.Stream();
          ncclComm_t comm = gpu.Comm();
          int* x = gpu.Device<int>({value}, stream);
          gpu.Ready(comm, rank.nccl.AllReduce(x, x, 1, ncclInt32, ncclSum, comm,
                                              stream));
          EXPECT_TRUE(gpu.Wait(stream));
          gpu.Close(comm);
          return absl::OkStatus();
        }).trace_hash;
  }
  EXPECT_NE(hashes[0], hashes[1]);
}

}  // namespace
}  // namespace parley::fakes
