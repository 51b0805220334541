// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Captures on the fake device: what becomes part of a graph, what a launch of
// it does, and each rule of CUDA's that a program can break.
#include "parley/tests/fakes/fake_capture.h"

#include <functional>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "parley/tests/fakes/captured_graph.h"
#include "parley/tests/fakes/fake_cuda.h"
#include "parley/tests/fakes/run_on_fakes.h"

namespace parley::fakes {
namespace {

using Body = std::function<void(FakeRank&, GpuUser&, cudaStream_t)>;

// On one rank with a stream.
FakeReport RunCapture(const Body& body, uint64_t seed = 1) {
  return RunAtAllWidths({.ranks = 1, .seed = seed}, {},
                        [&body](FakeRank& rank) -> absl::Status {
                          GpuUser gpu(rank);
                          cudaStream_t stream = gpu.Stream();
                          body(rank, gpu, stream);
                          EXPECT_TRUE(gpu.Wait(stream));
                          return absl::OkStatus();
                        });
}

TEST(FakeCaptureTest, RunsWhenLaunchedAndNotBefore) {
  const FakeReport report =
      RunCapture([](FakeRank& rank, GpuUser& gpu, cudaStream_t stream) {
        int* x = gpu.Device<int>({1, 2}, stream);
        int* y = gpu.Device<int>({0, 0}, stream);
        EXPECT_TRUE(gpu.Wait(stream));
        cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
        CapturedGraph graph(stream, [&] {
          gpu.Add(x, 2, 10, stream);
          gpu.Copy(y, x, 2 * sizeof(int), stream);
          rank.cuda.MemsetAsync(x, 0, sizeof(int), stream);
          EXPECT_EQ(rank.cuda.StreamIsCapturing(stream, &status), cudaSuccess);
        });
        EXPECT_EQ(status, cudaStreamCaptureStatusActive);
        EXPECT_EQ(rank.cuda.StreamIsCapturing(stream, &status), cudaSuccess);
        EXPECT_EQ(status, cudaStreamCaptureStatusNone);
        ASSERT_EQ(graph.error(), cudaSuccess);
        EXPECT_EQ(gpu.Read(x, 2, stream), std::vector<int>({1, 2}));
        EXPECT_EQ(graph.Launch(stream), cudaSuccess);
        EXPECT_EQ(gpu.Read(x, 2, stream), std::vector<int>({0, 12}));
        EXPECT_EQ(gpu.Read(y, 2, stream), std::vector<int>({11, 12}));
        // Twice in a row, behind and before what is not captured.
        gpu.Add(x, 1, 5, stream);
        EXPECT_EQ(graph.Launch(stream), cudaSuccess);
        EXPECT_EQ(graph.Launch(stream), cudaSuccess);
        gpu.Add(x, 1, 7, stream);
        EXPECT_EQ(gpu.Read(x, 2, stream), std::vector<int>({7, 32}));
        EXPECT_EQ(gpu.Read(y, 2, stream), std::vector<int>({10, 32}));
      });
  EXPECT_TRUE(report.clean()) << report;
}

TEST(FakeCaptureTest, AGraphOfNothing) {
  const FakeReport report =
      RunCapture([](FakeRank&, GpuUser&, cudaStream_t stream) {
        CapturedGraph graph(stream, [] {});
        EXPECT_EQ(graph.Launch(stream), cudaSuccess);
        EXPECT_EQ(graph.Launch(stream), cudaSuccess);
      });
  EXPECT_TRUE(report.clean()) << report;
}

// Launches of one executable graph do not overlap, those of two do.
TEST(FakeCaptureTest, LaunchesOnTwoStreams) {
  const auto run = [](bool two_graphs, uint64_t seed) {
    int result = 0;
    RunCapture(
        [&](FakeRank&, GpuUser& gpu, cudaStream_t stream) {
          cudaStream_t other = gpu.Stream();
          int* x = gpu.Device<int>({1, 0}, stream);
          EXPECT_TRUE(gpu.Wait(stream));
          const auto body = [&] {
            for (int i = 0; i < 4; ++i) {
              gpu.Copy(x + 1, x, sizeof(int), stream);
              gpu.Add(x + 1, 1, 1, stream);
              gpu.Copy(x, x + 1, sizeof(int), stream);
            }
          };
          CapturedGraph first(stream, body);
          CapturedGraph second(stream, body);
          EXPECT_EQ(first.Launch(stream), cudaSuccess);
          EXPECT_EQ((two_graphs ? second : first).Launch(other), cudaSuccess);
          EXPECT_TRUE(gpu.Wait(other));
          result = gpu.Read(x, 1, stream)[0];
        },
        seed);
    return result;
  };
  std::set<int> results;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    EXPECT_EQ(run(/*two_graphs=*/false, seed), 9);
    results.insert(run(/*two_graphs=*/true, seed));
  }
  EXPECT_GT(results.size(), 1u);
}

// An event takes another stream into the capture, another one brings it back.
// What is on both runs in any order.
TEST(FakeCaptureTest, ForkAndJoin) {
  std::set<std::vector<int>> results;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const FakeReport report = RunCapture(
        [&](FakeRank& rank, GpuUser& gpu, cudaStream_t stream) {
          cudaStream_t side = gpu.Stream();
          cudaEvent_t fork = gpu.Event();
          cudaEvent_t join = gpu.Event();
          int* x = gpu.Device<int>({1, 2, 3}, stream);
          EXPECT_TRUE(gpu.Wait(stream));
          CapturedGraph graph(stream, [&] {
            gpu.Add(x, 1, 10, stream);
            rank.cuda.EventRecord(fork, stream);
            rank.cuda.StreamWaitEvent(side, fork, 0);
            gpu.Copy(x + 1, x, sizeof(int), side);        // 11, always
            gpu.Copy(x + 2, x + 1, sizeof(int), stream);  // 11 or 2
            rank.cuda.EventRecord(join, side);
            rank.cuda.StreamWaitEvent(stream, join, 0);
            gpu.Add(x + 1, 1, 100, stream);  // behind both
          });
          ASSERT_EQ(graph.error(), cudaSuccess);
          EXPECT_EQ(graph.Launch(stream), cudaSuccess);
          results.insert(gpu.Read(x, 3, stream));
          EXPECT_TRUE(gpu.Wait(side));  // it is free again
        },
        seed);
    EXPECT_TRUE(report.clean()) << report;
  }
  EXPECT_EQ(results, (std::set<std::vector<int>>{{11, 111, 2}, {11, 111, 11}}));
}

// Both have been destroyed when the launch that they left behind runs.
TEST(FakeCaptureTest, GraphsMayGoEarly) {
  const FakeReport report =
      RunCapture([](FakeRank&, GpuUser& gpu, cudaStream_t stream) {
        int* x = gpu.Device<int>({1}, stream);
        CapturedGraph graph(stream, [&] { gpu.Add(x, 1, 1, stream); });
        EXPECT_EQ(graph.Launch(stream), cudaSuccess);
        graph.Destroy();
        EXPECT_EQ(gpu.Read(x, 1, stream), std::vector<int>({2}));
      });
  EXPECT_TRUE(report.clean()) << report;
}

// Work that is on the stream already stays outside.
TEST(FakeCaptureTest, BeginsBehindOtherWork) {
  const FakeReport report =
      RunCapture([](FakeRank&, GpuUser& gpu, cudaStream_t stream) {
        int* x = gpu.Device<int>({1}, stream);
        gpu.Add(x, 1, 10, stream);
        CapturedGraph graph(stream, [&] { gpu.Add(x, 1, 1, stream); });
        EXPECT_EQ(gpu.Read(x, 1, stream), std::vector<int>({11}));
        EXPECT_EQ(graph.Launch(stream), cudaSuccess);
        EXPECT_EQ(gpu.Read(x, 1, stream), std::vector<int>({12}));
      });
  EXPECT_TRUE(report.clean()) << report;
}

// A query and an allocation by a thread that may, in each mode.
TEST(FakeCaptureTest, ModesOfOtherThreads) {
  const auto ask = [](cudaStreamCaptureMode capture, cudaStreamCaptureMode own,
                      bool same_thread) {
    cudaError_t asked = cudaSuccess;
    RunCapture([&](FakeRank& rank, GpuUser& gpu, cudaStream_t stream) {
      cudaStream_t idle = gpu.Stream();
      const auto query = [&] {
        rank.cuda.SetDevice(0);
        cudaStreamCaptureMode mode = own;
        rank.cuda.ThreadExchangeStreamCaptureMode(&mode);
        asked = rank.cuda.StreamQuery(idle);
        rank.cuda.ThreadExchangeStreamCaptureMode(&mode);
      };
      CapturedGraph graph(
          stream,
          [&] {
            if (same_thread) return query();
            rank.clock().StartThread("other", query)->Join();
          },
          capture);
      EXPECT_EQ(graph.error(), asked == cudaSuccess
                                   ? cudaSuccess
                                   : cudaErrorStreamCaptureInvalidated);
      rank.cuda.GetLastError();
    });
    return asked;
  };
  constexpr auto kGlobal = cudaStreamCaptureModeGlobal;
  constexpr auto kThreadLocal = cudaStreamCaptureModeThreadLocal;
  constexpr auto kRelaxed = cudaStreamCaptureModeRelaxed;
  const cudaError_t forbidden = cudaErrorStreamCaptureUnsupported;
  EXPECT_EQ(ask(kGlobal, kGlobal, /*same_thread=*/false), forbidden);
  EXPECT_EQ(ask(kGlobal, kThreadLocal, /*same_thread=*/false), cudaSuccess);
  EXPECT_EQ(ask(kGlobal, kRelaxed, /*same_thread=*/false), cudaSuccess);
  EXPECT_EQ(ask(kThreadLocal, kGlobal, /*same_thread=*/false), cudaSuccess);
  EXPECT_EQ(ask(kRelaxed, kGlobal, /*same_thread=*/false), cudaSuccess);
  EXPECT_EQ(ask(kGlobal, kThreadLocal, /*same_thread=*/true), forbidden);
  EXPECT_EQ(ask(kThreadLocal, kGlobal, /*same_thread=*/true), forbidden);
  EXPECT_EQ(ask(kThreadLocal, kRelaxed, /*same_thread=*/true), cudaSuccess);
  EXPECT_EQ(ask(kRelaxed, kGlobal, /*same_thread=*/true), cudaSuccess);
}

// What a program does that captures on `stream`.
struct Misuse {
  const char* name;
  const char* diagnosis;
  cudaError_t end;  // of the capture
  std::function<void(FakeRank&, GpuUser&, cudaStream_t)> captured;
};

void PrintTo(const Misuse& misuse, std::ostream* out) { *out << misuse.name; }

class CaptureMisuseTest : public ::testing::TestWithParam<Misuse> {};

TEST_P(CaptureMisuseTest, IsDiagnosed) {
  const Misuse& misuse = GetParam();
  const FakeReport report = RunCapture([&misuse](FakeRank& rank, GpuUser& gpu,
                                                 cudaStream_t stream) {
    CapturedGraph graph(stream, [&] { misuse.captured(rank, gpu, stream); });
    EXPECT_EQ(graph.error(), misuse.end);
    rank.cuda.GetLastError();
  });
  EXPECT_TRUE(report.Mentions(misuse.diagnosis)) << report;
  EXPECT_EQ(report.diagnoses.size(), 1u) << report;
}

const Misuse kMisuses[] = {
    {"QueryOfTheStream", "cudaStreamQuery: stream 1 is being captured",
     cudaErrorStreamCaptureInvalidated,
     [](FakeRank& rank, GpuUser& gpu, cudaStream_t stream) {
       EXPECT_EQ(rank.cuda.StreamQuery(stream),
                 cudaErrorStreamCaptureUnsupported);
       // From here on nothing is told twice.
       int* x = static_cast<int*>(nullptr);
       EXPECT_EQ(rank.cuda.MemsetAsync(x, 0, 0, stream),
                 cudaErrorStreamCaptureInvalidated);
       EXPECT_EQ(rank.cuda.EventRecord(gpu.Event(), stream),
                 cudaErrorStreamCaptureInvalidated);
     }},
    {"QueryOfAnEvent", "cudaEventQuery: event 1 was last recorded in a capture",
     cudaErrorStreamCaptureInvalidated,
     [](FakeRank& rank, GpuUser& gpu, cudaStream_t stream) {
       cudaEvent_t event = gpu.Event();
       rank.cuda.EventRecord(event, stream);
       EXPECT_EQ(rank.cuda.EventQuery(event), cudaErrorCapturedEvent);
     }},
    {"Malloc",
     "cudaMalloc: is forbidden during the capture of stream 1, which ends in "
     "an invalid graph",
     cudaErrorStreamCaptureInvalidated,
     [](FakeRank& rank, GpuUser&, cudaStream_t) {
       void* x = nullptr;
       EXPECT_EQ(rank.cuda.Malloc(&x, 8), cudaErrorStreamCaptureUnsupported);
     }},
    {"DefaultStream", "cudaStreamQuery: a default stream",
     cudaErrorStreamCaptureInvalidated,
     [](FakeRank& rank, GpuUser&, cudaStream_t) {
       rank.cuda.StreamQuery(nullptr);
     }},
    {"EventFromOutside",
     "cudaStreamWaitEvent: stream 1 waits in a capture for event 1, which was "
     "recorded outside",
     cudaErrorStreamCaptureInvalidated,
     [](FakeRank& rank, GpuUser& gpu, cudaStream_t stream) {
       cudaEvent_t event = gpu.Event();
       rank.cuda.EventRecord(event, gpu.Stream());
       EXPECT_EQ(rank.cuda.StreamWaitEvent(stream, event, 0),
                 cudaErrorStreamCaptureIsolation);
     }},
    {"ForkWithoutJoin",
     "cudaStreamEndCapture: stream 1 does not wait for all that was captured "
     "elsewhere",
     cudaErrorStreamCaptureUnjoined,
     [](FakeRank& rank, GpuUser& gpu, cudaStream_t stream) {
       cudaEvent_t event = gpu.Event();
       cudaStream_t side = gpu.Stream();
       rank.cuda.EventRecord(event, stream);
       rank.cuda.StreamWaitEvent(side, event, 0);
       EXPECT_EQ(EnqueueKernel("Nothing", side, {}, [] {}), cudaSuccess);
     }},
    {"BegunTwice", "cudaStreamBeginCapture: stream 1 is being captured",
     cudaSuccess,
     [](FakeRank&, GpuUser&, cudaStream_t stream) {
       StreamBeginCapture(stream, cudaStreamCaptureModeGlobal);
     }},
    {"EndedOnAFork",
     "cudaStreamEndCapture: the capture of stream 2 was begun on stream 1",
     cudaErrorStreamCaptureInvalidated,
     [](FakeRank& rank, GpuUser& gpu, cudaStream_t stream) {
       cudaEvent_t event = gpu.Event();
       cudaStream_t side = gpu.Stream();
       rank.cuda.EventRecord(event, stream);
       rank.cuda.StreamWaitEvent(side, event, 0);
       cudaGraph_t graph;
       EXPECT_EQ(StreamEndCapture(side, &graph),
                 cudaErrorStreamCaptureUnmatched);
     }},
    {"EndedByAnotherThread",
     "cudaStreamEndCapture: another thread began the capture",
     cudaErrorStreamCaptureInvalidated,
     [](FakeRank& rank, GpuUser&, cudaStream_t stream) {
       rank.clock()
           .StartThread("other",
                        [stream] {
                          cudaGraph_t graph;
                          EXPECT_EQ(StreamEndCapture(stream, &graph),
                                    cudaErrorStreamCaptureWrongThread);
                        })
           ->Join();
     }},
    {"TwoThatMeet",
     "cudaStreamWaitEvent: the capture of stream 2 waits for event 1 of the "
     "capture of stream 1",
     cudaErrorStreamCaptureInvalidated,
     [](FakeRank& rank, GpuUser& gpu, cudaStream_t stream) {
       cudaEvent_t event = gpu.Event();
       cudaStream_t side = gpu.Stream();
       rank.cuda.EventRecord(event, stream);
       CapturedGraph other(side, [&] {
         EXPECT_EQ(rank.cuda.StreamWaitEvent(side, event, 0),
                   cudaErrorStreamCaptureMerge);
       });
       EXPECT_EQ(other.error(), cudaErrorStreamCaptureInvalidated);
     }},
};

INSTANTIATE_TEST_SUITE_P(Captures, CaptureMisuseTest,
                         ::testing::ValuesIn(kMisuses), [](const auto& info) {
                           return std::string(info.param.name);
                         });

// What comes after a capture.
const Misuse kLaterMisuses[] = {
    {"QueryOfAnOldEvent",
     "cudaEventQuery: event 1 was last recorded in a capture", cudaSuccess,
     [](FakeRank& rank, GpuUser& gpu, cudaStream_t stream) {
       cudaEvent_t event = gpu.Event();
       CapturedGraph graph(stream,
                           [&] { rank.cuda.EventRecord(event, stream); });
       EXPECT_EQ(rank.cuda.EventQuery(event), cudaErrorCapturedEvent);
     }},
    {"WaitForAnOldEvent",
     "cudaStreamWaitEvent: stream 1 waits for event 1 of the capture of "
     "stream 1, which is over",
     cudaSuccess,
     [](FakeRank& rank, GpuUser& gpu, cudaStream_t stream) {
       cudaEvent_t event = gpu.Event();
       CapturedGraph graph(stream,
                           [&] { rank.cuda.EventRecord(event, stream); });
       EXPECT_EQ(rank.cuda.StreamWaitEvent(stream, event, 0),
                 cudaErrorCapturedEvent);
     }},
    {"NotBegun", "cudaStreamEndCapture: stream 1 is not being captured",
     cudaSuccess,
     [](FakeRank&, GpuUser&, cudaStream_t stream) {
       cudaGraph_t graph;
       EXPECT_EQ(StreamEndCapture(stream, &graph), cudaErrorIllegalState);
     }},
    {"LeakedGraph", "leak: graph 1 is still there", cudaSuccess,
     [](FakeRank&, GpuUser&, cudaStream_t stream) {
       cudaGraph_t graph;
       StreamBeginCapture(stream, cudaStreamCaptureModeGlobal);
       StreamEndCapture(stream, &graph);
     }},
    {"LaunchedAfterDestroy",
     "cudaGraphLaunch: executable graph 1, which was destroyed", cudaSuccess,
     [](FakeRank&, GpuUser&, cudaStream_t stream) {
       cudaGraph_t graph;
       cudaGraphExec_t exec;
       StreamBeginCapture(stream, cudaStreamCaptureModeGlobal);
       StreamEndCapture(stream, &graph);
       GraphInstantiate(&exec, graph);
       GraphExecDestroy(exec);
       EXPECT_EQ(GraphLaunch(exec, stream), cudaErrorInvalidValue);
       GraphDestroy(graph);
     }},
    {"MemoryThatWasFreed",
     "Add, launch 1 of executable graph 1, touches device memory 1 (4 bytes), "
     "which was freed",
     cudaSuccess,
     [](FakeRank&, GpuUser& gpu, cudaStream_t stream) {
       auto* x = static_cast<int*>(gpu.Memory(sizeof(int)));
       CapturedGraph graph(stream, [&] { gpu.Add(x, 1, 1, stream); });
       gpu.Free(x);
       EXPECT_EQ(graph.Launch(stream), cudaSuccess);
       EXPECT_TRUE(gpu.Wait(stream));
     }},
};

class AfterCaptureTest : public ::testing::TestWithParam<Misuse> {};

TEST_P(AfterCaptureTest, IsDiagnosed) {
  const FakeReport report =
      RunCapture([](FakeRank& rank, GpuUser& gpu, cudaStream_t stream) {
        GetParam().captured(rank, gpu, stream);
        rank.cuda.GetLastError();
      });
  EXPECT_TRUE(report.Mentions(GetParam().diagnosis)) << report;
  EXPECT_EQ(report.diagnoses.size(), 1u) << report;
}

INSTANTIATE_TEST_SUITE_P(Graphs, AfterCaptureTest,
                         ::testing::ValuesIn(kLaterMisuses),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

TEST(FakeCaptureTest, NotEnded) {
  const FakeReport report =
      RunCapture([](FakeRank&, GpuUser& gpu, cudaStream_t) {
        StreamBeginCapture(gpu.Stream(), cudaStreamCaptureModeRelaxed);
      });
  EXPECT_TRUE(report.Mentions("cudaStreamDestroy: stream 2 is being captured"))
      << report;
  EXPECT_TRUE(report.Mentions("leak: the capture of stream 2 is still there"))
      << report;
  EXPECT_EQ(report.diagnoses.size(), 2u) << report;
}

// What a running graph will touch is in use.
TEST(FakeCaptureTest, FreeOfMemoryInUse) {
  const FakeReport report =
      RunCapture([](FakeRank&, GpuUser& gpu, cudaStream_t stream) {
        auto* x = static_cast<int*>(gpu.Memory(sizeof(int)));
        CapturedGraph graph(stream, [&] { gpu.Add(x, 1, 1, stream); });
        EXPECT_EQ(graph.Launch(stream), cudaSuccess);
        gpu.Free(x);
        EXPECT_TRUE(gpu.Wait(stream));
      });
  EXPECT_TRUE(
      report.Mentions("cudaFree: device memory 1 (4 bytes) is still "
                      "used by launch 1 of executable graph 1 on stream 1"))
      << report;
}

}  // namespace
}  // namespace parley::fakes
