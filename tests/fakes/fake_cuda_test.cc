// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Each rule of CUDA that the fake holds its caller to: a program that breaks it
// gives this diagnosis, and no other.
#include "parley/tests/fakes/fake_cuda.h"

#include <functional>
#include <ostream>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "parley/tests/fakes/run_on_fakes.h"

namespace parley::fakes {
namespace {

// What rank 1 does; there is a rank 0 with the same handles of its own.
struct Misuse {
  const char* name;
  const char* diagnosis;
  std::function<void(FakeRank&, GpuUser&)> run;
};

void PrintTo(const Misuse& misuse, std::ostream* out) { *out << misuse.name; }

class MisuseTest : public ::testing::TestWithParam<Misuse> {};

TEST_P(MisuseTest, IsDiagnosed) {
  const FakeReport report =
      RunAtAllWidths({.ranks = 2}, {}, [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        if (rank.rank() == 1) GetParam().run(rank, gpu);
        rank.cuda.GetLastError();
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.Mentions(GetParam().diagnosis)) << report;
  EXPECT_TRUE(report.Mentions("rank 1: ")) << report;
  EXPECT_EQ(report.diagnoses.size(), 1u) << report;
}

const Misuse kStreamMisuses[] = {
    {"DefaultStream", "cudaMemsetAsync: a default stream",
     [](FakeRank& rank, GpuUser& gpu) {
       void* x = gpu.Memory(8);
       EXPECT_EQ(rank.cuda.MemsetAsync(x, 0, 8, nullptr),
                 cudaErrorInvalidResourceHandle);
     }},
    {"PerThreadDefaultStream", "cudaStreamQuery: a default stream",
     [](FakeRank& rank, GpuUser&) {
       EXPECT_EQ(rank.cuda.StreamQuery(cudaStreamPerThread),
                 cudaErrorInvalidResourceHandle);
     }},
    {"NoStream", "cudaStreamQuery: a handle that is no stream",
     [](FakeRank& rank, GpuUser&) {
       int x = 0;
       rank.cuda.StreamQuery(reinterpret_cast<cudaStream_t>(&x));
     }},
    {"DestroyedStream", "cudaStreamQuery: stream 1, which was destroyed",
     [](FakeRank& rank, GpuUser& gpu) {
       cudaStream_t stream = gpu.Stream();
       gpu.Destroy(stream);
       EXPECT_EQ(rank.cuda.StreamQuery(stream), cudaErrorInvalidResourceHandle);
     }},
    {"DestroyedTwice", "cudaStreamDestroy: stream 1, which was destroyed",
     [](FakeRank& rank, GpuUser& gpu) {
       cudaStream_t stream = gpu.Stream();
       gpu.Destroy(stream);
       rank.cuda.StreamDestroy(stream);
     }},
    {"DestroyedBusy",
     "cudaStreamDestroy: work is still queued: stream 1 waits for Add (1 items "
     "behind it)",
     [](FakeRank&, GpuUser& gpu) {
       cudaStream_t stream = gpu.Stream();
       auto* x = static_cast<int*>(gpu.Memory(sizeof(int)));
       gpu.Add(x, 1, 1, stream);
       gpu.Add(x, 1, 1, stream);
       gpu.Destroy(stream);
       gpu.Sleep(absl::Milliseconds(1));
     }},
    {"NoEvent", "cudaEventQuery: a handle that is no event",
     [](FakeRank& rank, GpuUser&) { rank.cuda.EventQuery(nullptr); }},
    {"DestroyedEvent", "cudaEventRecord: event 1, which was destroyed",
     [](FakeRank& rank, GpuUser& gpu) {
       cudaEvent_t event = gpu.Event();
       gpu.Destroy(event);
       EXPECT_EQ(rank.cuda.EventRecord(event, gpu.Stream()),
                 cudaErrorInvalidResourceHandle);
     }},
    {"LeakedStream", "leak: stream 1 is still there at the end",
     [](FakeRank& rank, GpuUser&) {
       cudaStream_t stream = nullptr;
       rank.cuda.StreamCreateWithFlags(&stream, cudaStreamNonBlocking);
     }},
    {"LeakedEvent", "leak: event 1 is still there at the end",
     [](FakeRank& rank, GpuUser&) {
       cudaEvent_t event = nullptr;
       rank.cuda.EventCreateWithFlags(&event, cudaEventDisableTiming);
     }},
};

INSTANTIATE_TEST_SUITE_P(Streams, MisuseTest,
                         ::testing::ValuesIn(kStreamMisuses),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

const Misuse kMemoryMisuses[] = {
    {"LeakedMemory", "leak: device memory 1 (8 bytes) is still there",
     [](FakeRank& rank, GpuUser&) {
       void* x = nullptr;
       rank.cuda.Malloc(&x, 8);
     }},
    {"FreedTwice", "cudaFree: device memory 1 (8 bytes) was freed before",
     [](FakeRank& rank, GpuUser& gpu) {
       void* x = gpu.Memory(8);
       gpu.Free(x);
       EXPECT_EQ(rank.cuda.Free(x), cudaErrorInvalidValue);
     }},
    {"FreedInside", "cudaFree: an address that this rank did not allocate",
     [](FakeRank& rank, GpuUser& gpu) {
       rank.cuda.Free(static_cast<char*>(gpu.Memory(8)) + 4);
     }},
    {"FreedAsTheOtherKind",
     "cudaFreeHost: device memory 1 (8 bytes) is of the other kind",
     [](FakeRank& rank, GpuUser& gpu) { rank.cuda.FreeHost(gpu.Memory(8)); }},
    {"Pageable",
     "cudaMemcpyAsync: a copy of 8 bytes on stream 1 touches 8 bytes that are "
     "no memory",
     [](FakeRank& rank, GpuUser& gpu) {
       char pageable[8] = {};
       EXPECT_EQ(rank.cuda.MemcpyAsync(gpu.Memory(8), pageable, 8,
                                       cudaMemcpyHostToDevice, gpu.Stream()),
                 cudaErrorInvalidValue);
     }},
    {"BeyondTheEnd",
     "cudaMemsetAsync: a memset of 8 bytes on stream 1 touches 8 bytes at "
     "offset 4 of device memory 1 (8 bytes), beyond its end",
     [](FakeRank& rank, GpuUser& gpu) {
       rank.cuda.MemsetAsync(static_cast<char*>(gpu.Memory(8)) + 4, 0, 8,
                             gpu.Stream());
     }},
    {"AfterFree",
     "cudaMemsetAsync: a memset of 8 bytes on stream 1 touches device memory 1 "
     "(8 bytes), which was freed",
     [](FakeRank& rank, GpuUser& gpu) {
       void* x = gpu.Memory(8);
       gpu.Free(x);
       rank.cuda.MemsetAsync(x, 0, 8, gpu.Stream());
     }},
    {"OfTheWrongKind", "cudaMemcpyAsync: the memory is not of the kind",
     [](FakeRank& rank, GpuUser& gpu) {
       EXPECT_EQ(rank.cuda.MemcpyAsync(gpu.Memory(8), gpu.Pinned(8), 8,
                                       cudaMemcpyDeviceToHost, gpu.Stream()),
                 cudaErrorInvalidMemcpyDirection);
     }},
};

INSTANTIATE_TEST_SUITE_P(Memory, MisuseTest,
                         ::testing::ValuesIn(kMemoryMisuses),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

const Misuse kDeviceMisuses[] = {
    {"NoDevice", "cudaSetDevice: device 2 of 2",
     [](FakeRank& rank, GpuUser&) {
       EXPECT_EQ(rank.cuda.SetDevice(2), cudaErrorInvalidDevice);
     }},
    {"AnothersDevice", "cudaSetDevice: device 0, another rank's",
     [](FakeRank& rank, GpuUser&) { rank.cuda.SetDevice(0); }},
    {"UnknownAttribute",
     "cudaDeviceGetAttribute: an attribute that the fake does not know",
     [](FakeRank& rank, GpuUser&) {
       int value = 0;
       rank.cuda.DeviceGetAttribute(&value, cudaDevAttrMaxPitch, 1);
     }},
    // A new thread starts on device 0.
    {"ForgottenSetDevice",
     "cudaMalloc: the thread's current device is 0, not that of its rank",
     [](FakeRank& rank, GpuUser&) {
       rank.clock()
           .StartThread("forgetful",
                        [&rank] {
                          void* x = nullptr;
                          EXPECT_EQ(rank.cuda.Malloc(&x, 8),
                                    cudaErrorInvalidDevice);
                        })
           ->Join();
     }},
};

INSTANTIATE_TEST_SUITE_P(Devices, MisuseTest,
                         ::testing::ValuesIn(kDeviceMisuses),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

// Freeing what is in use is one diagnosis, the late access another: the bytes
// are still there, so neither is a crash.
TEST(FakeCudaTest, FreeOfMemoryInUse) {
  const FakeReport report =
      RunAtAllWidths({.ranks = 1}, {}, [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        cudaStream_t stream = gpu.Stream();
        void* x = gpu.Memory(8);
        rank.cuda.MemsetAsync(x, 0, 8, stream);
        gpu.Free(x);
        EXPECT_TRUE(gpu.Wait(stream));
        return absl::OkStatus();
      });
  EXPECT_TRUE(
      report.Mentions("cudaFree: device memory 1 (8 bytes) is still "
                      "used by a memset of 8 bytes on stream 1"))
      << report;
  EXPECT_TRUE(
      report.Mentions("a memset of 8 bytes on stream 1 touches device "
                      "memory 1 (8 bytes), which was freed"))
      << report;
  EXPECT_EQ(report.diagnoses.size(), 2u) << report;
}

TEST(FakeCudaTest, AnswerOfAQueryLeftBehind) {
  const FakeReport report =
      RunAtAllWidths({.ranks = 1}, {}, [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        cudaStream_t stream = gpu.Stream();
        gpu.Add(static_cast<int*>(gpu.Memory(sizeof(int))), 1, 1, stream);
        EXPECT_EQ(rank.cuda.StreamQuery(stream), cudaErrorNotReady);
        gpu.Sleep(absl::Milliseconds(1));
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.Mentions("the answer of a query was left")) << report;
  EXPECT_EQ(report.diagnoses.size(), 1u) << report;
}

// As CUDA has it: what was recorded or is waited for does not need the event or
// the stream any more.
TEST(FakeCudaTest, EventsAndStreamsMayGoEarly) {
  const FakeReport report =
      RunAtAllWidths({.ranks = 1}, {}, [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        cudaStream_t first = gpu.Stream();
        cudaStream_t second = gpu.Stream();
        cudaStream_t third = gpu.Stream();
        cudaEvent_t event = gpu.Event();
        int* x = gpu.Device<int>({1}, first);
        rank.cuda.EventRecord(event, first);
        rank.cuda.StreamWaitEvent(second, event, 0);
        rank.cuda.StreamWaitEvent(third, event, 0);
        gpu.Destroy(event);
        gpu.Destroy(third);
        EXPECT_EQ(gpu.Read(x, 1, second)[0], 1);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

// The handles of rank 0 in the hands of rank 1.
TEST(FakeCudaTest, HandlesOfAnotherRank) {
  cudaStream_t stream = nullptr;
  cudaEvent_t event = nullptr;
  const FakeReport report =
      RunOnFakes({.ranks = 2}, {}, [&](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        if (rank.rank() == 0) {
          stream = gpu.Stream();
          event = gpu.Event();
        }
        gpu.Sleep(absl::Microseconds(1));
        if (rank.rank() == 1) {
          EXPECT_EQ(rank.cuda.StreamQuery(stream),
                    cudaErrorInvalidResourceHandle);
          EXPECT_EQ(rank.cuda.EventQuery(event),
                    cudaErrorInvalidResourceHandle);
          EXPECT_EQ(rank.cuda.GetLastError(), cudaErrorInvalidResourceHandle);
        }
        gpu.Sleep(absl::Microseconds(1));
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.Mentions("cudaStreamQuery: stream 1 of rank 0")) << report;
  EXPECT_TRUE(report.Mentions("cudaEventQuery: event 1 of rank 0")) << report;
  EXPECT_EQ(report.diagnoses.size(), 2u) << report;
}

TEST(FakeCudaTest, MemoryOfAnotherRank) {
  void* memory = nullptr;
  const FakeReport report =
      RunOnFakes({.ranks = 2}, {}, [&](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        if (rank.rank() == 0) memory = gpu.Memory(8);
        gpu.Sleep(absl::Microseconds(1));
        if (rank.rank() == 1) {
          EXPECT_EQ(rank.cuda.MemsetAsync(memory, 0, 8, gpu.Stream()),
                    cudaErrorInvalidValue);
        }
        gpu.Sleep(absl::Microseconds(1));
        return absl::OkStatus();
      });
  EXPECT_TRUE(
      report.Mentions("touches 8 bytes that are no memory of this "
                      "rank's device"))
      << report;
}

// Threads that the world does not know may allocate, but not enqueue.
TEST(FakeCudaTest, ForeignThreads) {
  const FakeReport report =
      RunOnFakes({.ranks = 1}, {}, [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        cudaStream_t stream = gpu.Stream();
        void* x = nullptr;
        std::thread([&] {
          EXPECT_EQ(rank.cuda.SetDevice(0), cudaSuccess);
          EXPECT_EQ(rank.cuda.Malloc(&x, 8), cudaSuccess);
          EXPECT_EQ(rank.cuda.MemsetAsync(x, 0, 8, stream),
                    cudaErrorNotSupported);
        }).join();
        gpu.Free(x);
        return absl::OkStatus();
      });
  EXPECT_TRUE(
      report.Mentions("cudaMemsetAsync: called by a thread that is "
                      "neither a rank nor an actor"))
      << report;
  EXPECT_EQ(report.diagnoses.size(), 1u) << report;
}

// Fresh device memory is no zeros, and pinned memory neither.
TEST(FakeCudaTest, FreshMemoryIsPoisoned) {
  const FakeReport report =
      RunAtAllWidths({.ranks = 1}, {}, [](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        cudaStream_t stream = gpu.Stream();
        auto* x = static_cast<float*>(gpu.Memory(2 * sizeof(float)));
        for (float value : gpu.Read(x, 2, stream)) EXPECT_NE(value, value);
        EXPECT_EQ(*static_cast<unsigned char*>(gpu.Pinned(1)), 0xff);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

TEST(FakeCudaTest, FactsAboutTheDevice) {
  RunOnFakes({.ranks = 3}, {}, [](FakeRank& rank) -> absl::Status {
    int value = 0;
    EXPECT_EQ(rank.cuda.GetDeviceCount(&value), cudaSuccess);
    EXPECT_EQ(value, 3);
    EXPECT_EQ(rank.cuda.GetDevice(&value), cudaSuccess);
    EXPECT_EQ(value, rank.rank());
    EXPECT_EQ(rank.cuda.DeviceGetAttribute(
                  &value, cudaDevAttrComputeCapabilityMajor, rank.rank()),
              cudaSuccess);
    EXPECT_EQ(value, 9);
    EXPECT_EQ(rank.cuda.RuntimeGetVersion(&value), cudaSuccess);
    EXPECT_EQ(value, 13000);
    EXPECT_STREQ(rank.cuda.GetErrorName(cudaErrorNotReady),
                 "cudaErrorNotReady");
    GpuUser gpu(rank);
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusActive;
    EXPECT_EQ(rank.cuda.StreamIsCapturing(gpu.Stream(), &status), cudaSuccess);
    EXPECT_EQ(status, cudaStreamCaptureStatusNone);
    cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
    EXPECT_EQ(rank.cuda.ThreadExchangeStreamCaptureMode(&mode), cudaSuccess);
    EXPECT_EQ(mode, cudaStreamCaptureModeGlobal);
    return absl::OkStatus();
  });
}

}  // namespace
}  // namespace parley::fakes
