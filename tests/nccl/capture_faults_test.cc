// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What goes wrong while graphs are about: nothing runs on what a failure has
// left behind, everybody comes back with the status that is documented, and
// whoever destroys his graphs in time goes on with the survivors.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/base/status_macros.h"
#include "parley/device/testing/device_array.h"
#include "parley/tests/fakes/captured_graph.h"
#include "parley/tests/nccl/nccl_world.h"

namespace parley::testing {
namespace {

using ::testing::HasSubstr;

constexpr int kRanks = 3;
constexpr int kVictim = 1;

cudaStream_t HandleOf(Stream& stream) {
  return static_cast<CudaStream&>(stream).handle();
}

// y = x + y.
absl::Status Add(const DeviceArray<float>& x, const DeviceArray<float>& y,
                 Stream& stream) {
  const void* const inputs[] = {&x[0], &y[0]};
  void* const output = &y[0];
  return stream.device().Mean({DType::kFloat32, 2, 1, inputs, &output, nullptr,
                               static_cast<int64_t>(x.size()), /*divisor=*/1},
                              stream);
}

// A graph of a sum over all ranks, and of kernels before and behind it:
// before += 1, x = sum of all x, behind += x.
class Scene {
 public:
  explicit Scene(Communicator& comm)
      : comm_(comm),
        stream_(comm.device().CreateStream().value()),
        one_(comm.device(), 4, 1.0f),
        before_(comm.device(), 4),
        x_(comm.device(), 4, 1.0f),
        behind_(comm.device(), 4) {
    graph_ = std::make_unique<fakes::CapturedGraph>(HandleOf(*stream_), [this] {
      EXPECT_EQ(Add(one_, before_, *stream_), absl::OkStatus());
      EXPECT_TRUE(
          comm_.AllReduce({x_.view()}, {x_.view()}, ReduceOp::kSum, *stream_)
              .ok());
      EXPECT_EQ(Add(x_, behind_, *stream_), absl::OkStatus());
    });
    EXPECT_EQ(graph_->error(), cudaSuccess);
  }

  void Launch() { graph_->Launch(HandleOf(*stream_)); }
  void Destroy() { graph_->Destroy(); }
  Stream& stream() { return *stream_; }
  float before() const { return before_[0]; }
  float behind() const { return behind_[0]; }

 private:
  Communicator& comm_;
  const std::unique_ptr<Stream> stream_;
  const DeviceArray<float> one_, before_, x_, behind_;
  std::unique_ptr<fakes::CapturedGraph> graph_;
};

// Another launch of the graph, enqueued behind an operation that fails.
TEST(CaptureFaultsTest, NoLaunchRunsBehindAFailure) {
  const fakes::FakeReport report =
      RunOnNccl({.ranks = 2}, {}, [](sim::RankContext& rank) -> absl::Status {
        Communicator& comm = rank.communicator();
        PARLEY_ASSIGN_OR_RETURN(const auto stream,
                                comm.device().CreateStream());
        const DeviceArray<float> one(comm.device(), 4, 1.0f);
        const DeviceArray<float> y(comm.device(), 4);
        fakes::CapturedGraph graph(HandleOf(*stream), [&] {
          EXPECT_EQ(Add(one, y, *stream), absl::OkStatus());
        });
        // Its ticket would be older than that of what fails.
        EXPECT_EQ(graph.Launch(HandleOf(*stream)), cudaSuccess);
        PARLEY_RETURN_IF_ERROR(stream->WaitHost(absl::Seconds(1)));
        EXPECT_EQ(y[0], 1.0f);
        if (rank.rank() == 1) {
          // Comes too late for a barrier that may take a second.
          rank.Compute(absl::Seconds(60));
          EXPECT_FALSE(comm.Barrier(*stream)->WaitHost().ok());
          stream->WaitHost(absl::Seconds(60)).IgnoreError();
          return absl::OkStatus();
        }
        EXPECT_TRUE(comm.Barrier(*stream, {.timeout = absl::Seconds(1)}).ok());
        EXPECT_EQ(graph.Launch(HandleOf(*stream)), cudaSuccess);
        EXPECT_EQ(stream->WaitHost(absl::Seconds(60)).code(),
                  absl::StatusCode::kDeadlineExceeded);
        EXPECT_EQ(y[0], 1.0f);
        // The stream is usable again, and the graph with it.
        EXPECT_EQ(graph.Launch(HandleOf(*stream)), cudaSuccess);
        PARLEY_RETURN_IF_ERROR(stream->WaitHost(absl::Seconds(1)));
        EXPECT_EQ(y[0], 2.0f);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

// Whose peer dies while the graph runs. Returns OK if all is as documented.
absl::Status SurviveADeath(Communicator& comm, bool aborts) {
  std::unique_ptr<Communicator> rest;
  {
    Scene scene(comm);
    absl::Status told;
    int launches = 0;
    float expected = 0;  // in `behind`, after so many launches
    for (float sum = kRanks; told.ok() && launches < 4; sum *= kRanks) {
      scene.Launch();
      ++launches;
      told = scene.stream().WaitHost(absl::Seconds(1));
      if (told.ok()) expected += sum;
    }
    if (comm.rank() == kVictim) return absl::OkStatus();
    // Nobody watches it, so that is all that is known at first.
    EXPECT_EQ(told.code(), absl::StatusCode::kDeadlineExceeded) << told;
    if (aborts) comm.Abort(absl::CancelledError("the graph hangs"));
    scene.Destroy();
    if (!aborts) {
      PARLEY_ASSIGN_OR_RETURN(rest, comm.Shrink({kVictim}));
    }
    told = scene.stream().WaitHost(absl::Seconds(60));
    EXPECT_EQ(told.code(), aborts ? absl::StatusCode::kCancelled
                                  : absl::StatusCode::kUnavailable)
        << told;
    EXPECT_EQ(scene.before(), static_cast<float>(launches));
    EXPECT_EQ(scene.behind(), expected);
    EXPECT_FALSE(static_cast<NcclCommunicator&>(comm).wedged());
  }
  if (aborts) {
    PARLEY_ASSIGN_OR_RETURN(rest, comm.Shrink({kVictim}));
  }
  Scene scene(*rest);
  scene.Launch();
  PARLEY_RETURN_IF_ERROR(scene.stream().WaitHost(absl::Seconds(1)));
  EXPECT_EQ(scene.behind(), 2.0f);
  return absl::OkStatus();
}

TEST(CaptureFaultsTest, APeerDiesDuringALaunch) {
  // Launch 0 is the communicator's first operation, 1 to 4 are the graph's.
  for (int64_t operation = 1; operation <= 4; ++operation) {
    SCOPED_TRACE(absl::StrCat("launch ", operation));
    // Or leave it to Shrink().
    const bool aborts = operation % 2 == 0;
    NcclWorldOptions options;
    fakes::FakeFault fault;
    fault.rank = kVictim;
    fault.operation = operation;
    options.fakes.faults = {fault};
    const fakes::FakeReport report =
        RunOnNccl({.ranks = kRanks}, options, [&](sim::RankContext& rank) {
          return SurviveADeath(rank.communicator(), aborts);
        });
    EXPECT_TRUE(report.clean()) << report;
    EXPECT_LT(report.world.virtual_ns, 120'000'000'000);
  }
}

// Which of the documented ends it comes to: told, but the process must exit.
TEST(CaptureFaultsTest, GraphsThatAreForgottenWedgeTheCommunicator) {
  const fakes::FakeReport report =
      RunOnNccl({.ranks = 2}, {}, [](sim::RankContext& rank) -> absl::Status {
        Communicator& comm = rank.communicator();
        Scene scene(comm);
        if (rank.rank() == 0) scene.Launch();  // the other one does not
        comm.Abort(absl::CancelledError("enough"));
        // The other one's stream is idle: its owner must close the gate first.
        comm.clock().WaitUntil([] { return false; },
                               comm.clock().NowNs() + 1'000'000'000);
        const absl::Status told = scene.stream().WaitHost(absl::Seconds(60));
        EXPECT_EQ(told.code(), absl::StatusCode::kCancelled) << told;
        EXPECT_THAT(std::string(told.message()),
                    HasSubstr("enough; ncclCommAbort has not returned within "
                              "5s, which it does only when all graphs with its "
                              "operations are destroyed: the communicator is "
                              "wedged"));
        EXPECT_EQ(scene.behind(), 0.0f);
        EXPECT_TRUE(static_cast<NcclCommunicator&>(comm).wedged());
        EXPECT_EQ(comm.Shrink({1 - rank.rank()}).status().code(),
                  absl::StatusCode::kFailedPrecondition);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.world.status.ok()) << report;
  for (const std::string& diagnosis : report.diagnoses) {
    // Nothing is given back any more.
    EXPECT_THAT(diagnosis, HasSubstr("leak: "));
  }
}

// As CountsThatDiffer in faults_test.cc, but captured.
TEST(CaptureFaultsTest, CountsThatDiffer) {
  const fakes::FakeReport report =
      RunOnNccl({.ranks = 3}, {}, [](sim::RankContext& rank) -> absl::Status {
        Communicator& comm = rank.communicator();
        PARLEY_ASSIGN_OR_RETURN(const auto stream,
                                comm.device().CreateStream());
        const DeviceArray<float> x(comm.device(), rank.rank() == 1 ? 7 : 8);
        fakes::CapturedGraph graph(HandleOf(*stream), [&] {
          EXPECT_TRUE(
              comm.AllReduce({x.view()}, {x.view()}, ReduceOp::kSum, *stream)
                  .ok());
        });
        EXPECT_EQ(graph.Launch(HandleOf(*stream)), cudaSuccess);
        EXPECT_EQ(stream->WaitHost(absl::Seconds(1)).code(),
                  absl::StatusCode::kDeadlineExceeded);
        comm.Abort(absl::CancelledError("enough"));
        graph.Destroy();
        return stream->WaitHost(absl::Seconds(60));
      });
  for (const auto& rank : report.world.ranks) {
    EXPECT_EQ(rank.status, absl::CancelledError("enough"));
  }
  EXPECT_TRUE(report.Mentions("count: 8 on rank 0, 7 on rank 1")) << report;
}

// Destroyed in the right order, graphs are no hindrance to a communicator.
TEST(CaptureFaultsTest, GraphsThatAreDestroyedFirst) {
  const fakes::FakeReport report =
      RunOnNccl({.ranks = 2}, {}, [](sim::RankContext& rank) -> absl::Status {
        PARLEY_ASSIGN_OR_RETURN(const auto child,
                                rank.communicator().Split({0, 1}));
        Scene scene(*child);
        scene.Launch();
        return scene.stream().WaitHost(absl::Seconds(1));
      });
  EXPECT_TRUE(report.clean()) << report;
  EXPECT_LT(report.world.virtual_ns, 1'000'000'000);
}

}  // namespace
}  // namespace parley::testing
