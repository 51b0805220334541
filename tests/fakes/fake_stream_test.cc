// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The order of work on the fake device: late, seeded, and as events say.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "parley/tests/fakes/fake_cuda.h"
#include "parley/tests/fakes/run_on_fakes.h"

namespace parley::fakes {
namespace {

constexpr int kSeeds = 20;

// A host that reads without waiting sees what was there before.
TEST(FakeStreamTest, WorkIsLate) {
  const FakeReport report =
      RunAtAllWidths({.ranks = 2}, {}, [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        cudaStream_t stream = gpu.Stream();
        auto* x = static_cast<int*>(gpu.Pinned(sizeof(int)));
        *x = 1;
        gpu.Add(x, 1, 10, stream);
        EXPECT_EQ(*x, 1);
        EXPECT_EQ(rank.cuda.StreamQuery(stream), cudaErrorNotReady);
        EXPECT_EQ(rank.cuda.GetLastError(), cudaErrorNotReady);
        EXPECT_EQ(rank.cuda.GetLastError(), cudaSuccess);
        EXPECT_TRUE(gpu.Wait(stream));
        EXPECT_EQ(*x, 11);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

TEST(FakeStreamTest, OneStreamKeepsItsOrder) {
  for (int seed = 0; seed < kSeeds; ++seed) {
    RunOnFakes({.ranks = 1, .seed = static_cast<uint64_t>(seed)}, {},
               [](FakeRank& rank) -> absl::Status {
                 GpuUser gpu(rank);
                 cudaStream_t stream = gpu.Stream();
                 std::vector<int> order;
                 for (int i = 0; i < 5; ++i) {
                   EnqueueKernel("step", stream, {},
                                 [&order, i] { order.push_back(i); });
                 }
                 EXPECT_TRUE(gpu.Wait(stream));
                 EXPECT_EQ(order, std::vector<int>({0, 1, 2, 3, 4}));
                 return absl::OkStatus();
               });
  }
}

// Counts in how many seeds the second of two streams is done first. With a
// wait for the first one's event, or for another's.
int CountOvertaken(const std::function<void(FakeRank&, GpuUser&, cudaStream_t,
                                            cudaStream_t)>& between) {
  int overtaken = 0;
  for (int seed = 0; seed < kSeeds; ++seed) {
    const FakeReport report =
        RunOnFakes({.ranks = 1, .seed = static_cast<uint64_t>(seed)}, {},
                   [&](FakeRank& rank) -> absl::Status {
                     GpuUser gpu(rank);
                     cudaStream_t first = gpu.Stream();
                     cudaStream_t second = gpu.Stream();
                     std::string order;
                     EnqueueKernel("a", first, {}, [&order] { order += "a"; });
                     between(rank, gpu, first, second);
                     EnqueueKernel("b", second, {}, [&order] { order += "b"; });
                     EXPECT_TRUE(gpu.Wait(first));
                     EXPECT_TRUE(gpu.Wait(second));
                     overtaken += order == "ba" ? 1 : 0;
                     return absl::OkStatus();
                   });
    EXPECT_TRUE(report.clean()) << report;
  }
  return overtaken;
}

TEST(FakeStreamTest, StreamsOvertakeEachOther) {
  const int overtaken = CountOvertaken([](auto&&...) {});
  EXPECT_GT(overtaken, kSeeds / 5);
  EXPECT_LT(overtaken, kSeeds - kSeeds / 5);
}

TEST(FakeStreamTest, WaitOrdersStreams) {
  EXPECT_EQ(CountOvertaken([](FakeRank& rank, GpuUser& gpu, cudaStream_t first,
                              cudaStream_t second) {
              cudaEvent_t event = gpu.Event();
              rank.cuda.EventRecord(event, first);
              rank.cuda.StreamWaitEvent(second, event, 0);
            }),
            0);
}

TEST(FakeStreamTest, WaitForWhatWasNeverRecordedIsNothing) {
  EXPECT_GT(CountOvertaken([](FakeRank& rank, GpuUser& gpu, cudaStream_t first,
                              cudaStream_t second) {
              cudaEvent_t event = gpu.Event();
              rank.cuda.StreamWaitEvent(second, event, 0);
              rank.cuda.EventRecord(event, first);
            }),
            0);
}

// The wait is for the record before it, whatever is recorded later.
TEST(FakeStreamTest, WaitTakesTheStateOfItsCall) {
  EXPECT_EQ(CountOvertaken([](FakeRank& rank, GpuUser& gpu, cudaStream_t first,
                              cudaStream_t second) {
              cudaEvent_t event = gpu.Event();
              rank.cuda.EventRecord(event, first);
              rank.cuda.StreamWaitEvent(second, event, 0);
              rank.cuda.EventRecord(event, second);
            }),
            0);
}

TEST(FakeStreamTest, RecordingAgainMovesTheEvent) {
  EXPECT_GT(CountOvertaken([](FakeRank& rank, GpuUser& gpu, cudaStream_t first,
                              cudaStream_t second) {
              cudaEvent_t event = gpu.Event();
              rank.cuda.EventRecord(event, first);
              rank.cuda.EventRecord(event, second);
              rank.cuda.StreamWaitEvent(second, event, 0);
            }),
            0);
}

TEST(FakeStreamTest, QueriesTellWhatIsDone) {
  const FakeReport report =
      RunAtAllWidths({.ranks = 1}, {}, [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        cudaStream_t stream = gpu.Stream();
        cudaEvent_t event = gpu.Event();
        EXPECT_EQ(rank.cuda.EventQuery(event), cudaSuccess);
        int runs = 0;
        EnqueueKernel("step", stream, {}, [&runs] { ++runs; });
        rank.cuda.EventRecord(event, stream);
        EXPECT_EQ(rank.cuda.EventQuery(event), cudaErrorNotReady);
        while (rank.cuda.EventQuery(event) == cudaErrorNotReady) {
          EXPECT_EQ(runs, 0);
          gpu.Sleep(absl::Microseconds(1));
        }
        EXPECT_EQ(runs, 1);
        rank.cuda.GetLastError();
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

// A loop of queries that never lets the clock go on would not end otherwise.
TEST(FakeStreamTest, QueriesTakeTime) {
  RunOnFakes({.ranks = 1}, {}, [](FakeRank& rank) -> absl::Status {
    GpuUser gpu(rank);
    cudaStream_t stream = gpu.Stream();
    const int64_t before = rank.clock().NowNs();
    rank.cuda.StreamQuery(stream);
    EXPECT_GT(rank.clock().NowNs(), before);
    return absl::OkStatus();
  });
}

// Another thread of the rank that enqueues at the same time changes nothing.
TEST(FakeStreamTest, ActorsHaveNamesAndDrawsOfTheirOwn) {
  const FakeReport report =
      RunAtAllWidths({.ranks = 3}, {}, [](FakeRank& rank) -> absl::Status {
        const auto work = [&rank] {
          rank.cuda.SetDevice(rank.rank());
          GpuUser gpu(rank);
          cudaStream_t stream = gpu.Stream();
          int* x = gpu.Device<int>({1, 2}, stream);
          for (int i = 0; i < 4; ++i) gpu.Add(x, 2, 1, stream);
          EXPECT_EQ(gpu.Read(x, 2, stream), std::vector<int>({5, 6}));
        };
        auto first = rank.clock().StartThread("first", work);
        auto second = rank.clock().StartThread("second", work);
        work();
        first->Join();
        second->Join();
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

// Names, and with them draws, do not depend on which thread was faster.
TEST(FakeStreamTest, NamesTellWhichThreadItWas) {
  const FakeReport report =
      RunAtAllWidths({.ranks = 1}, {}, [](FakeRank& rank) -> absl::Status {
        const auto leak = [&rank] {
          rank.cuda.SetDevice(rank.rank());
          cudaStream_t stream = nullptr;
          rank.cuda.StreamCreateWithFlags(&stream, cudaStreamNonBlocking);
        };
        auto actor = rank.clock().StartThread("actor", leak);
        leak();
        actor->Join();
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.Mentions("leak: stream 1 is")) << report;
  EXPECT_TRUE(report.Mentions("leak: stream 1.1 is")) << report;
}

TEST(FakeStreamTest, AHangIsTold) {
  FakeOptions options;
  options.faults = {{.kind = FaultKind::kNeverCompletes, .rank = 0}};
  options.max_futile_queries = 10'000;
  const FakeReport report =
      RunAtAllWidths({.ranks = 1}, options, [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        cudaStream_t stream = gpu.Stream();
        int* x = gpu.Device<int>({1}, stream);
        ncclComm_t comm = gpu.Comm();
        gpu.Ready(comm, rank.nccl.AllReduce(x, x, 1, ncclInt32, ncclSum, comm,
                                            stream));
        EXPECT_FALSE(gpu.Wait(stream));
        EXPECT_EQ(gpu.error(), cudaErrorLaunchTimeout);
        return absl::OkStatus();
      });
  EXPECT_TRUE(
      report.Mentions("nothing has happened for 10000 queries; "
                      "stream 1 waits for AllReduce of 1 int32"))
      << report;
}

}  // namespace
}  // namespace parley::fakes
