// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// NCCL's operations in captures on the fakes: what a launch of the graph does,
// and what NCCL demands of those who capture.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "parley/tests/fakes/captured_graph.h"
#include "parley/tests/fakes/fake_capture.h"
#include "parley/tests/fakes/nccl_scene.h"

namespace parley::fakes {
namespace {

// Captures a call, and waits until NCCL has put it into the graph.
void Call(Scene& scene, ncclResult_t returned) {
  EXPECT_EQ(scene.gpu.Settle(scene.comm, returned), ncclSuccess);
}

TEST(FakeNcclCaptureTest, OperationsAmongOthers) {
  const FakeReport report = RunScene({}, [](Scene& scene) {
    GpuUser& gpu = scene.gpu;
    CapturedGraph graph(scene.stream, [&] {
      gpu.Add(scene.x, 1, 1, scene.stream);
      Call(scene, scene.AllReduce(scene.x, 2));
      gpu.Add(scene.x, 1, 1, scene.stream);
      Call(scene, scene.AllReduce(scene.x + 1, 2));
    });
    ASSERT_EQ(graph.error(), cudaSuccess);
    EXPECT_EQ(gpu.Read(scene.x, 4, scene.stream),
              std::vector<int>({1, 2, 3, 4}));
    // {5, 8, 6, 4}, {13, 32, 12, 4}, and once more what is not captured.
    EXPECT_EQ(graph.Launch(scene.stream), cudaSuccess);
    EXPECT_EQ(graph.Launch(scene.stream), cudaSuccess);
    Call(scene, scene.AllReduce(scene.x, 1));
    EXPECT_EQ(gpu.Read(scene.x, 4, scene.stream),
              std::vector<int>({26, 32, 12, 4}));
    EXPECT_EQ(graph.Launch(scene.stream), cudaSuccess);
    EXPECT_EQ(gpu.Read(scene.x, 4, scene.stream),
              std::vector<int>({55, 128, 24, 4}));
  });
  EXPECT_TRUE(report.clean()) << report;
}

// Reports the same as if it were not captured.
FakeReport RunMismatch(bool captured, size_t count, ncclDataType_t type) {
  return RunScene({}, [=](Scene& scene) {
    const bool other = scene.rank.rank() == 1;
    const auto call = [&] {
      return scene.gpu.Settle(
          scene.comm, scene.nccl.AllReduce(scene.x, scene.x, other ? count : 4,
                                           other ? type : ncclInt32, ncclSum,
                                           scene.comm, scene.stream));
    };
    if (captured) {
      CapturedGraph graph(scene.stream,
                          [&] { EXPECT_EQ(call(), ncclSuccess); });
      ASSERT_EQ(graph.error(), cudaSuccess);
      EXPECT_EQ(graph.Launch(scene.stream), cudaSuccess);
    } else {
      call();  // may be told already
    }
    ncclResult_t state = ncclSuccess;
    for (int i = 0; state == ncclSuccess && i < 100; ++i) {
      scene.gpu.Sleep(absl::Microseconds(100));
      scene.nccl.CommGetAsyncError(scene.comm, &state);
    }
    EXPECT_EQ(state, ncclInvalidUsage);
  });
}

TEST(FakeNcclCaptureTest, CallsThatDiffer) {
  for (const bool captured : {false, true}) {
    SCOPED_TRACE(captured);
    const FakeReport count = RunMismatch(captured, 3, ncclInt32);
    EXPECT_TRUE(
        count.Mentions("calls differ between ranks of clique 0: count: "
                       "4 on rank 0, 3 on rank 1"))
        << count;
    EXPECT_EQ(count.diagnoses.size(), 2u) << count;  // one on each rank
    const FakeReport type = RunMismatch(captured, 4, ncclFloat32);
    EXPECT_TRUE(
        type.Mentions("calls differ between ranks of clique 0: type: "
                      "int32 on rank 0, float32 on rank 1"))
        << type;
    EXPECT_EQ(type.diagnoses.size(), 2u) << type;
  }
}

TEST(FakeNcclCaptureTest, CapturedOnOneRankOnly) {
  const FakeReport report = RunScene({}, [](Scene& scene) {
    const auto call = [&] { Call(scene, scene.AllReduce(scene.x, 4)); };
    if (scene.rank.rank() == 0) {
      CapturedGraph graph(scene.stream, call);
      EXPECT_EQ(graph.Launch(scene.stream), cudaSuccess);
    } else {
      call();
    }
    scene.gpu.Sleep(absl::Milliseconds(5));
  });
  EXPECT_TRUE(
      report.Mentions("calls differ between ranks of clique 0: capture: "
                      "captured call 1 on rank 0, none on rank 1"))
      << report;
}

// Each rank has two graphs of the same call; they launch different ones.
TEST(FakeNcclCaptureTest, GraphsOfDifferentCalls) {
  const FakeReport report = RunScene({}, [](Scene& scene) {
    const auto call = [&] { Call(scene, scene.AllReduce(scene.x, 4)); };
    CapturedGraph first(scene.stream, call);
    CapturedGraph second(scene.stream, call);
    (scene.rank.rank() == 0 ? first : second).Launch(scene.stream);
    scene.gpu.Sleep(absl::Milliseconds(5));
  });
  EXPECT_TRUE(
      report.Mentions("capture: captured call 1 on rank 0, captured call 2 on "
                      "rank 1"))
      << report;
}

TEST(FakeNcclCaptureTest, AGroupOnlyHalfOfWhichIsCaptured) {
  const FakeReport report = RunScene({}, [](Scene& scene) {
    cudaStream_t other = scene.gpu.Stream();
    CapturedGraph graph(scene.stream, [&] {
      scene.nccl.GroupStart();
      scene.AllReduce(scene.x, 1);
      scene.nccl.AllReduce(scene.x + 1, scene.x + 1, 1, ncclInt32, ncclSum,
                           scene.comm, other);
      EXPECT_EQ(scene.nccl.GroupEnd(), ncclInvalidUsage);
    });
  });
  EXPECT_TRUE(
      report.Mentions("ncclGroupEnd: streams in one group that are not "
                      "all captured"))
      << report;
}

// A group on two streams of one capture is a node of both.
TEST(FakeNcclCaptureTest, AGroupOnTwoStreams) {
  const FakeReport report = RunScene({}, [](Scene& scene) {
    GpuUser& gpu = scene.gpu;
    const CudaApi& cuda = scene.rank.cuda;
    cudaStream_t side = gpu.Stream();
    cudaEvent_t event = gpu.Event();
    EXPECT_TRUE(gpu.Wait(scene.stream));
    CapturedGraph graph(scene.stream, [&] {
      cuda.EventRecord(event, scene.stream);
      cuda.StreamWaitEvent(side, event, 0);
      gpu.Add(scene.x, 1, 10, scene.stream);
      gpu.Add(scene.x + 1, 1, 10, side);
      scene.nccl.GroupStart();
      scene.AllReduce(scene.x, 1);
      scene.nccl.AllReduce(scene.x + 1, scene.x + 1, 1, ncclInt32, ncclSum,
                           scene.comm, side);
      Call(scene, scene.nccl.GroupEnd());
      gpu.Add(scene.x + 1, 1, 1, side);
      cuda.EventRecord(event, side);
      cuda.StreamWaitEvent(scene.stream, event, 0);
    });
    ASSERT_EQ(graph.error(), cudaSuccess);
    EXPECT_EQ(graph.Launch(scene.stream), cudaSuccess);
    EXPECT_EQ(gpu.Read(scene.x, 2, scene.stream), std::vector<int>({22, 25}));
  });
  EXPECT_TRUE(report.clean()) << report;
}

// Neither ends before the last graph that contains its calls is destroyed.
TEST(FakeNcclCaptureTest, CommunicatorsWaitForTheirGraphs) {
  for (const bool abort : {false, true}) {
    SCOPED_TRACE(abort);
    const FakeReport report = RunScene({}, [abort](Scene& scene) {
      cudaGraph_t graph;
      cudaGraphExec_t exec;
      StreamBeginCapture(scene.stream, cudaStreamCaptureModeGlobal);
      Call(scene, scene.AllReduce(scene.x, 4));
      EXPECT_EQ(StreamEndCapture(scene.stream, &graph), cudaSuccess);
      EXPECT_EQ(GraphInstantiate(&exec, graph), cudaSuccess);
      bool ended = false;
      auto end = scene.rank.clock().StartThread("end", [&] {
        scene.rank.cuda.SetDevice(scene.rank.rank());
        if (abort) {
          EXPECT_EQ(scene.nccl.CommAbort(scene.comm), ncclSuccess);
        } else {
          scene.gpu.Close(scene.comm);
        }
        ended = true;
      });
      scene.gpu.Sleep(absl::Milliseconds(10));
      abort ? GraphDestroy(graph) : GraphExecDestroy(exec);
      scene.gpu.Sleep(absl::Milliseconds(10));
      EXPECT_FALSE(ended);
      abort ? GraphExecDestroy(exec) : GraphDestroy(graph);
      end->Join();
      scene.comm = nullptr;
    });
    EXPECT_TRUE(report.clean()) << report;
  }
}

TEST(FakeNcclCaptureTest, LaunchAfterAnAbort) {
  const FakeReport report = RunScene({}, [](Scene& scene) {
    CapturedGraph graph(scene.stream,
                        [&] { Call(scene, scene.AllReduce(scene.x, 4)); });
    auto abort = scene.rank.clock().StartThread(
        "abort", [&] { scene.nccl.CommAbort(scene.comm); });
    scene.gpu.Sleep(absl::Milliseconds(10));
    EXPECT_EQ(graph.Launch(scene.stream), cudaErrorInvalidValue);
    scene.rank.cuda.GetLastError();
    graph.Destroy();
    abort->Join();
    scene.comm = nullptr;
  });
  EXPECT_TRUE(
      report.Mentions("cudaGraphLaunch: executable graph 1 contains AllReduce "
                      "of 4 int32, sum, call 1 on comm 1, which was destroyed "
                      "or aborted"))
      << report;
}

// Two communicators whose calls no edge of the graph orders: which one the
// device gets to first is up to each rank.
TEST(FakeNcclCaptureTest, CommunicatorsThatAreNotOrdered) {
  const auto hangs = [](bool ordered, uint64_t seed) {
    bool hung = false;
    RunOnFakes({.ranks = 2, .seed = seed}, {}, [&](FakeRank& rank) {
      GpuUser gpu(rank);
      ncclComm_t comms[] = {gpu.Comm(), gpu.Comm()};
      cudaStream_t streams[] = {gpu.Stream(), gpu.Stream()};
      cudaEvent_t event = gpu.Event();
      int* x = gpu.Device<int>({1, 2}, streams[0]);
      EXPECT_TRUE(gpu.Wait(streams[0]));
      CapturedGraph graph(streams[0], [&] {
        rank.cuda.EventRecord(event, streams[0]);
        rank.cuda.StreamWaitEvent(streams[1], event, 0);
        for (const int i : {0, 1}) {
          gpu.Ready(comms[i],
                    rank.nccl.AllReduce(x + i, x + i, 1, ncclInt32, ncclSum,
                                        comms[i], streams[i]));
          if (!ordered || i == 1) continue;
          rank.cuda.EventRecord(event, streams[0]);
          rank.cuda.StreamWaitEvent(streams[1], event, 0);
        }
        rank.cuda.EventRecord(event, streams[1]);
        rank.cuda.StreamWaitEvent(streams[0], event, 0);
      });
      EXPECT_EQ(graph.Launch(streams[0]), cudaSuccess);
      gpu.Sleep(absl::Milliseconds(10));
      const bool stuck = rank.cuda.StreamQuery(streams[0]) != cudaSuccess;
      rank.cuda.GetLastError();
      if (rank.rank() == 0) hung = stuck;
      graph.Destroy();
      rank.nccl.GroupStart();
      for (ncclComm_t comm : comms) rank.nccl.CommAbort(comm);
      EXPECT_EQ(rank.nccl.GroupEnd(), ncclSuccess);
      EXPECT_TRUE(gpu.Wait(streams[0]));
      return absl::OkStatus();
    });
    return hung;
  };
  int hung = 0;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    EXPECT_FALSE(hangs(/*ordered=*/true, seed));
    hung += hangs(/*ordered=*/false, seed) ? 1 : 0;
  }
  EXPECT_GT(hung, 0);
  EXPECT_LT(hung, 10);
}

}  // namespace
}  // namespace parley::fakes
