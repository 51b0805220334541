// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Tables with one entry replaced, as mutants of libraries above do it: the
// fakes must show what each of these does wrong.
#include <atomic>
#include <vector>

#include "gtest/gtest.h"
#include "parley/tests/fakes/fake_cuda.h"
#include "parley/tests/fakes/fake_nccl.h"
#include "parley/tests/fakes/run_on_fakes.h"

namespace parley::fakes {
namespace {

constexpr int kSeeds = 20;

// A stream's sum over both ranks is read on another stream, after an event: 2,
// if nothing is forgotten. Returns in how many seeds it was something else.
int CountWrong(const CudaApi& cuda) {
  std::atomic<int> wrong = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    RunOnFakes({.ranks = 2, .seed = seed}, {},
               [&](FakeRank& rank) -> absl::Status {
                 GpuUser gpu(rank);
                 cudaStream_t first = gpu.Stream();
                 cudaStream_t second = gpu.Stream();
                 cudaEvent_t event = gpu.Event();
                 ncclComm_t comm = gpu.Comm();
                 int* x = gpu.Device<int>({1}, first);
                 gpu.Ready(comm, rank.nccl.AllReduce(x, x, 1, ncclInt32,
                                                     ncclSum, comm, first));
                 cuda.EventRecord(event, first);
                 cuda.StreamWaitEvent(second, event, 0);
                 wrong += gpu.Read(x, 1, second)[0] == 2 ? 0 : 1;
                 EXPECT_TRUE(gpu.Wait(first));
                 gpu.Close(comm);
                 return absl::OkStatus();
               });
  }
  return wrong;
}

TEST(DecoratedTableTest, NothingForgotten) {
  EXPECT_EQ(CountWrong(FakeCudaApi()), 0);
}

TEST(DecoratedTableTest, ForgottenWait) {
  CudaApi broken = FakeCudaApi();
  broken.StreamWaitEvent = [](cudaStream_t, cudaEvent_t, unsigned int) {
    return cudaSuccess;
  };
  EXPECT_GT(CountWrong(broken), kSeeds / 2);
}

TEST(DecoratedTableTest, EventRecordedOnTheWrongStream) {
  CudaApi broken = FakeCudaApi();
  broken.EventRecord = [](cudaEvent_t event, cudaStream_t) {
    cudaStream_t wrong = nullptr;
    FakeCudaApi().StreamCreateWithFlags(&wrong, cudaStreamNonBlocking);
    return FakeCudaApi().EventRecord(event, wrong);
  };
  EXPECT_GT(CountWrong(broken), kSeeds / 2);
}

// Runs an operation of which rank 1 is late, with a table of the test's.
FakeReport RunLate(const NcclApi& nccl) {
  return RunAtAllWidths(
      {.ranks = 3}, {}, [&nccl](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        cudaStream_t stream = gpu.Stream();
        ncclComm_t comm = gpu.Comm();
        if (rank.rank() == 1) gpu.Sleep(absl::Milliseconds(2));
        int* x = gpu.Device<int>({1}, stream);
        const ncclResult_t called = gpu.Settle(
            comm, nccl.AllReduce(x, x, 1, ncclInt32, ncclSum, comm, stream));
        gpu.Sleep(absl::Milliseconds(5));
        ncclResult_t state = called;
        if (called == ncclSuccess) nccl.CommGetAsyncError(comm, &state);
        if (state == ncclSuccess) {
          gpu.Close(comm);
        } else {
          EXPECT_EQ(nccl.CommAbort(comm), ncclSuccess);
        }
        EXPECT_TRUE(gpu.Wait(stream));
        return absl::OkStatus();
      });
}

TEST(DecoratedTableTest, NothingReplaced) {
  const FakeReport report = RunLate(FakeNcclApi(22809));
  EXPECT_TRUE(report.clean()) << report;
}

TEST(DecoratedTableTest, BufferFreedBeforeCompletion) {
  NcclApi broken = FakeNcclApi(22809);
  broken.AllReduce = [](const void*, void* to, size_t count,
                        ncclDataType_t type, ncclRedOp_t op, ncclComm_t comm,
                        cudaStream_t stream) {
    void* copy = nullptr;
    FakeCudaApi().Malloc(&copy, 4);
    FakeCudaApi().MemcpyAsync(copy, to, 4, cudaMemcpyDefault, stream);
    const ncclResult_t result =
        FakeNcclApi(22809).AllReduce(copy, to, count, type, op, comm, stream);
    FakeCudaApi().Free(copy);
    return result;
  };
  const FakeReport report = RunLate(broken);
  EXPECT_TRUE(
      report.Mentions("cudaFree: device memory 2 (4 bytes) is still "
                      "used by"))
      << report;
}

TEST(DecoratedTableTest, BlockingAbort) {
  const FakeReport report =
      RunAtAllWidths({.ranks = 2}, {}, [](FakeRank& rank) -> absl::Status {
        NcclApi broken = rank.nccl;
        broken.CommInitRankConfig = [](ncclComm_t* comm, int ranks,
                                       ncclUniqueId id, int own,
                                       ncclConfig_t* config) {
          config->blocking = 1;
          return FakeNcclApi(22809).CommInitRankConfig(comm, ranks, id, own,
                                                       config);
        };
        FakeRank mutant{rank.context, rank.machine, rank.cuda, broken,
                        rank.store};
        GpuUser gpu(mutant);
        cudaStream_t stream = gpu.Stream();
        ncclComm_t comm = gpu.Comm();
        int* x = gpu.Device<int>({1}, stream);
        if (rank.rank() == 0) {
          gpu.Ready(comm, broken.AllReduce(x, x, 1, ncclInt32, ncclSum, comm,
                                           stream));
        }
        EXPECT_EQ(broken.CommAbort(comm), ncclSuccess);
        EXPECT_TRUE(gpu.Wait(stream));
        return absl::OkStatus();
      });
  EXPECT_TRUE(
      report.Mentions("rank 0: ncclCommAbort: comm 1 is a blocking "
                      "one with operations in flight"))
      << report;
}

// An average instead of a sum: the mean of equal numbers is not the number.
TEST(DecoratedTableTest, AverageOfBFloat16) {
  NcclApi broken = FakeNcclApi(22809);
  broken.AllReduce = [](const void* from, void* to, size_t count,
                        ncclDataType_t type, ncclRedOp_t, ncclComm_t comm,
                        cudaStream_t stream) {
    return FakeNcclApi(22809).AllReduce(from, to, count, type, ncclAvg, comm,
                                        stream);
  };
  RunOnFakes({.ranks = 3}, {}, [&broken](FakeRank& rank) -> absl::Status {
    GpuUser gpu(rank);
    cudaStream_t stream = gpu.Stream();
    ncclComm_t comm = gpu.Comm();
    uint16_t* x = gpu.Device<uint16_t>({0x3fe0}, stream);
    gpu.Ready(comm,
              broken.AllReduce(x, x, 1, ncclBfloat16, ncclSum, comm, stream));
    EXPECT_EQ(gpu.Read(x, 1, stream)[0], 0x3fe1);
    gpu.Close(comm);
    return absl::OkStatus();
  });
}

}  // namespace
}  // namespace parley::fakes
