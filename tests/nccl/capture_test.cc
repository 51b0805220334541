// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Graphs: what is captured from CudaDevice and NcclCommunicator replays to the
// bits that it would have had without, among work that is not captured, and
// what is promised of a captured Work is so.
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/base/random.h"
#include "parley/base/status_macros.h"
#include "parley/comm/shard.h"
#include "parley/device/cpu/cpu_device.h"
#include "parley/device/testing/device_array.h"
#include "parley/device/testing/values.h"
#include "parley/sim/world.h"
#include "parley/tests/fakes/captured_graph.h"
#include "parley/tests/fakes/fake_kernels.h"
#include "parley/tests/nccl/nccl_world.h"

namespace parley::testing {
namespace {

using ::testing::HasSubstr;

cudaStream_t HandleOf(Stream& stream) {
  return static_cast<CudaStream&>(stream).handle();
}

// x = x + x.
absl::Status Double(const DeviceArray<float>& x, Stream& stream) {
  const void* const inputs[] = {&x[0], &x[0]};
  void* const output = &x[0];
  return stream.device().Mean({DType::kFloat32, 2, 1, inputs, &output, nullptr,
                               static_cast<int64_t>(x.size()), /*divisor=*/1},
                              stream);
}

// Other devices than GPUs need the lists of a call until the work is done.
absl::Status WaitUnlessGpu(Stream& stream) {
  if (stream.device().id().kind == DeviceKind::kCuda) return absl::OkStatus();
  return stream.WaitHost(absl::Seconds(60));
}

// Tensors of float32 side by side, and what every kernel makes of them.
class Kernels {
 public:
  static constexpr int64_t kCount = 257;
  static constexpr int kTensors = 6;

  explicit Kernels(Device& device)
      : device_(device), memory_(device, kTensors * kCount), sum_(device, 1) {}

  void Fill(uint64_t seed) {
    Random random(seed);
    FillWithHardValues(random, DType::kFloat32, 4 * kCount, At(0));
    sum_[0] = seed;
  }

  // The lists of the call are gone when it returns: a GPU has taken them.
  absl::Status Enqueue(Stream& stream) {
    std::vector<TensorCopy> copies = {
        {Flat(0, kCount), Flat(4, kCount)},
        {Strided(1, 2), Flat(5, kCount / 2)},
    };
    std::vector<const void*> inputs = {At(0), At(1), At(4)};
    std::vector<void*> outputs = {At(2), At(4)};
    std::vector<double> weights = {0.5, 2, 0.75};
    std::vector<std::vector<ElementwisePiece>> elementwise =
        ElementwisePieces();
    std::vector<FingerprintPiece> pieces = {
        {At(2), DType::kFloat32, kCount, 17, 3},
        {At(5), DType::kBFloat16, kCount, 18, 0},
    };
    const absl::Status status =
        Launch(stream, copies, inputs, outputs, weights, elementwise, pieces);
    PARLEY_RETURN_IF_ERROR(WaitUnlessGpu(stream));
    copies.assign(copies.size(), {Flat(0, 1), Flat(0, 1)});
    inputs.assign(inputs.size(), nullptr);
    outputs.assign(outputs.size(), nullptr);
    weights.assign(weights.size(), 0);
    for (auto& list : elementwise) list.assign(list.size(), {});
    pieces.assign(pieces.size(), FingerprintPiece());
    return status;
  }

  std::string Bits() {
    return std::string(static_cast<const char*>(At(0)),
                       static_cast<size_t>(kTensors * kCount) * sizeof(float)) +
           absl::StrCat(sum_[0]);
  }

 private:
  // For each operation, two halves of tensors of which no two operations begin
  // with the same.
  std::vector<std::vector<ElementwisePiece>> ElementwisePieces() {
    std::vector<std::vector<ElementwisePiece>> lists;
    for (size_t i = 0; i < std::size(kAllElementwiseOps); ++i) {
      std::vector<ElementwisePiece> pieces(2);
      for (int k = 0; k < kMaxOperands; ++k) {
        const int tensor = (2 * static_cast<int>(i) + k) % 5;
        pieces[0].operands[k] = At(tensor);
        pieces[1].operands[k] =
            &memory_[static_cast<size_t>(tensor * kCount + kCount / 2)];
      }
      pieces[0].count = pieces[1].count = kCount / 2;
      lists.push_back(pieces);
    }
    return lists;
  }

  absl::Status Launch(Stream& stream, const std::vector<TensorCopy>& copies,
                      const std::vector<const void*>& inputs,
                      const std::vector<void*>& outputs,
                      const std::vector<double>& weights,
                      const std::vector<std::vector<ElementwisePiece>>& lists,
                      const std::vector<FingerprintPiece>& pieces) {
    constexpr DType kType = DType::kFloat32;
    PARLEY_RETURN_IF_ERROR(device_.Copy(
        {copies.data(), static_cast<int64_t>(copies.size())}, stream));
    PARLEY_RETURN_IF_ERROR(device_.Mean(
        {kType, 3, 2, inputs.data(), outputs.data(), weights.data(), kCount},
        stream));
    for (size_t i = 0; i < lists.size(); ++i) {
      PARLEY_RETURN_IF_ERROR(device_.Elementwise(
          {kAllElementwiseOps[i], {}, {0.1, 0.7}, lists[i].data(), 2}, stream));
    }
    return device_.Fingerprint(
        {pieces.data(), static_cast<int64_t>(pieces.size()), &sum_[0]}, stream);
  }

  void* At(int tensor) {
    return &memory_[static_cast<size_t>(tensor * kCount)];
  }
  TensorView Flat(int tensor, int64_t count) {
    return TensorView(At(tensor), DType::kFloat32, count, device_.id());
  }
  TensorView Strided(int tensor, int64_t stride) {
    return TensorView::Strided(At(tensor), DType::kFloat32, {kCount / stride},
                               {stride}, device_.id())
        .value();
  }

  Device& device_;
  DeviceArray<float> memory_;
  DeviceArray<uint64_t> sum_;
};

TEST(CaptureTest, KernelsReplayToTheSameBits) {
  for (uint64_t seed = 0; seed < 3; ++seed) {
    const fakes::FakeReport report = fakes::RunOnFakes(
        {.ranks = 1, .seed = seed}, {},
        [&](fakes::FakeRank& rank) -> absl::Status {
          PARLEY_ASSIGN_OR_RETURN(
              const auto device,
              CudaDevice::Create(rank.cuda, fakes::FakeCudaKernels(), 0,
                                 rank.clock()));
          PARLEY_ASSIGN_OR_RETURN(const auto stream, device->CreateStream());
          CpuDevice cpu;
          PARLEY_ASSIGN_OR_RETURN(const auto cpu_stream, cpu.CreateStream());
          Kernels captured(*device), eager(*device), reference(cpu);
          captured.Fill(99);
          const std::string before = captured.Bits();
          fakes::CapturedGraph graph(HandleOf(*stream), [&] {
            EXPECT_EQ(captured.Enqueue(*stream), absl::OkStatus());
          });
          EXPECT_EQ(graph.error(), cudaSuccess);
          for (uint64_t input = 0; input < 4; ++input) {
            for (Kernels* each : {&captured, &eager, &reference}) {
              each->Fill(10 * seed + input);
            }
            // What one launch leaves is what the next one begins with.
            for (int times = 0; times < 2; ++times) {
              EXPECT_EQ(graph.Launch(HandleOf(*stream)), cudaSuccess);
              PARLEY_RETURN_IF_ERROR(eager.Enqueue(*stream));
              PARLEY_RETURN_IF_ERROR(reference.Enqueue(*cpu_stream));
            }
            PARLEY_RETURN_IF_ERROR(stream->WaitHost(absl::Seconds(1)));
            PARLEY_RETURN_IF_ERROR(cpu_stream->WaitHost(absl::Seconds(1)));
            EXPECT_NE(captured.Bits(), before);
            EXPECT_EQ(captured.Bits(), eager.Bits()) << input;
            EXPECT_EQ(captured.Bits(), reference.Bits()) << input;
          }
          return absl::OkStatus();
        });
    EXPECT_TRUE(report.clean()) << report;
  }
}

// The core of a meeting: everybody's shards, their mean, the means of all.
class Meeting {
 public:
  Meeting(Communicator& comm, int64_t count)
      : comm_(comm),
        own_(ShardOf(count, comm.size(), comm.rank()).count),
        model_(comm.device(), static_cast<size_t>(count)),
        parts_(comm.device(), static_cast<size_t>(own_ * comm.size())),
        shard_(comm.device(), static_cast<size_t>(own_)),
        mean_(comm.device(), static_cast<size_t>(count)),
        sum_(comm.device(), 1) {}

  void Fill(uint64_t round) {
    Random random = Random(7).Fork(
        "model", 100 * round + static_cast<uint64_t>(comm_.rank()));
    FillWithHardValues(random, DType::kFloat32,
                       static_cast<int64_t>(model_.size()), &model_[0]);
    sum_[0] = 0;
  }

  absl::Status Enqueue(Stream& stream) {
    PARLEY_RETURN_IF_ERROR(
        comm_.AllToAll({model_.view()}, {parts_.view()}, stream).status());
    std::vector<const void*> inputs;
    for (int r = 0; r < comm_.size(); ++r) {
      inputs.push_back(&parts_[static_cast<size_t>(r * own_)]);
    }
    void* output = &shard_[0];
    PARLEY_RETURN_IF_ERROR(
        comm_.device().Mean({DType::kFloat32, comm_.size(), 1, inputs.data(),
                             &output, nullptr, own_},
                            stream));
    PARLEY_RETURN_IF_ERROR(
        comm_.AllGather({shard_.view()}, {mean_.view()}, stream).status());
    const TensorCopy copy = {mean_.view(), model_.view()};
    PARLEY_RETURN_IF_ERROR(comm_.device().Copy({&copy, 1}, stream));
    const FingerprintPiece piece = {&mean_[0], DType::kFloat32,
                                    static_cast<int64_t>(mean_.size()), 5, 0};
    PARLEY_RETURN_IF_ERROR(
        comm_.device().Fingerprint({&piece, 1, &sum_[0]}, stream));
    return WaitUnlessGpu(stream);
  }

  std::string Bits() const {
    return std::string(reinterpret_cast<const char*>(&model_[0]),
                       model_.size() * sizeof(float)) +
           absl::StrCat(sum_[0]);
  }

 private:
  Communicator& comm_;
  const int64_t own_;
  DeviceArray<float> model_, parts_, shard_, mean_;
  DeviceArray<uint64_t> sum_;
};

// By rank and round.
using Results = std::vector<std::vector<std::string>>;

constexpr bool kIsCaptured[] = {false, true, true, false, true, false};

absl::Status Meet(Communicator& comm, int64_t count, bool captures,
                  Results& results) {
  PARLEY_ASSIGN_OR_RETURN(const auto stream, comm.device().CreateStream());
  Meeting meeting(comm, count);
  std::unique_ptr<fakes::CapturedGraph> graph;
  uint64_t round = 0;
  for (const bool is_captured : kIsCaptured) {
    if (captures && is_captured && graph == nullptr) {
      graph = std::make_unique<fakes::CapturedGraph>(HandleOf(*stream), [&] {
        EXPECT_EQ(meeting.Enqueue(*stream), absl::OkStatus());
      });
      EXPECT_EQ(graph->error(), cudaSuccess);
    }
    meeting.Fill(round++);
    if (captures && is_captured) {
      EXPECT_EQ(graph->Launch(HandleOf(*stream)), cudaSuccess);
    } else {
      PARLEY_RETURN_IF_ERROR(meeting.Enqueue(*stream));
    }
    PARLEY_RETURN_IF_ERROR(stream->WaitHost(absl::Seconds(60)));
    results[static_cast<size_t>(comm.rank())].push_back(meeting.Bits());
  }
  return absl::OkStatus();
}

TEST(CaptureTest, MeetingsReplayToTheSimulatorsBits) {
  for (const int ranks : {2, 3, 4}) {
    for (const int64_t count : {120, 1003}) {  // equal shards, and not
      SCOPED_TRACE(absl::StrCat(ranks, " ranks, ", count, " elements"));
      Results expected(static_cast<size_t>(ranks));
      const sim::Report sim_report =
          sim::World({.ranks = ranks}).Run([&](sim::RankContext& rank) {
            return Meet(rank.communicator(), count, /*captures=*/false,
                        expected);
          });
      ASSERT_TRUE(sim_report.status.ok()) << sim_report;
      EXPECT_NE(expected[0][0], expected[0][1]);
      for (uint64_t seed = 0; seed < 3; ++seed) {
        Results results(static_cast<size_t>(ranks));
        const fakes::FakeReport report = RunOnNccl(
            {.ranks = ranks, .seed = seed}, {}, [&](sim::RankContext& rank) {
              return Meet(rank.communicator(), count, /*captures=*/true,
                          results);
            });
        EXPECT_TRUE(report.clean()) << report;
        EXPECT_EQ(results, expected);
      }
    }
  }
}

// On two streams of one capture, the second behind the first's operation.
TEST(CaptureTest, AWorkOrdersStreamsOfItsCapture) {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const fakes::FakeReport report = RunOnNccl(
        {.ranks = 2, .seed = seed}, {},
        [](sim::RankContext& rank) -> absl::Status {
          Communicator& comm = rank.communicator();
          Device& device = comm.device();
          PARLEY_ASSIGN_OR_RETURN(const auto stream, device.CreateStream());
          PARLEY_ASSIGN_OR_RETURN(const auto side, device.CreateStream());
          const std::unique_ptr<Event> joined = device.CreateEvent();
          const DeviceArray<float> x(device, 8, 1.0f), y(device, 8);
          Work work;
          fakes::CapturedGraph graph(HandleOf(*stream), [&] {
            work =
                comm.AllReduce({x.view()}, {x.view()}, ReduceOp::kSum, *stream)
                    .value();
            EXPECT_TRUE(work.IsDone());
            EXPECT_EQ(work.Wait(*side), absl::OkStatus());
            const TensorCopy copy = {x.view(), y.view()};
            EXPECT_EQ(device.Copy({&copy, 1}, *side), absl::OkStatus());
            side->Record(*joined);
            stream->Wait(*joined);
          });
          EXPECT_EQ(graph.error(), cudaSuccess);
          const absl::Status waited = work.WaitHost();
          EXPECT_EQ(waited.code(), absl::StatusCode::kFailedPrecondition);
          EXPECT_THAT(std::string(waited.message()),
                      HasSubstr("AllReduce float32[8] of world/0 was captured "
                                "into a graph; wait for its launch"));
          for (const float expected : {2.0f, 4.0f}) {
            EXPECT_EQ(graph.Launch(HandleOf(*stream)), cudaSuccess);
            PARLEY_RETURN_IF_ERROR(stream->WaitHost(absl::Seconds(1)));
            EXPECT_EQ(y[7], expected);
          }
          // The calls go on where they were, captured or not.
          PARLEY_ASSIGN_OR_RETURN(Work next, comm.Barrier(*side));
          PARLEY_RETURN_IF_ERROR(next.WaitHost());
          const FlightDump dump =
              static_cast<NcclCommunicator&>(comm).Recorded("");
          EXPECT_EQ(dump.operations[1].state, FlightState::kCompleted);
          EXPECT_EQ(dump.operations[2].op, "Barrier");
          return absl::OkStatus();
        });
    EXPECT_TRUE(report.clean()) << report;
  }
}

// Outside of its capture it stands for nothing that CUDA could wait for.
TEST(CaptureTest, AWorkOrdersNoOtherStreams) {
  const fakes::FakeReport report =
      RunOnNccl({.ranks = 2}, {}, [](sim::RankContext& rank) -> absl::Status {
        Communicator& comm = rank.communicator();
        PARLEY_ASSIGN_OR_RETURN(const auto stream,
                                comm.device().CreateStream());
        Work work;
        const fakes::CapturedGraph graph(
            HandleOf(*stream), [&] { work = comm.Barrier(*stream).value(); });
        EXPECT_EQ(work.Wait(*stream), absl::OkStatus());
        EXPECT_EQ(stream->WaitHost(absl::Seconds(1)).code(),
                  absl::StatusCode::kFailedPrecondition);
        return stream->WaitHost(absl::Seconds(1));
      });
  EXPECT_TRUE(report.world.status.ok()) << report;
  EXPECT_TRUE(report.Mentions("of the capture of stream 2, which is over"))
      << report;
  EXPECT_EQ(report.diagnoses.size(), 2u) << report;
}

// In the strictest mode, and while the watchdog looks after an operation for
// which the other rank has not come yet.
absl::Status CaptureWhileWatched(sim::RankContext& rank) {
  Communicator& comm = rank.communicator();
  Device& device = comm.device();
  PARLEY_ASSIGN_OR_RETURN(const auto stream, device.CreateStream());
  PARLEY_ASSIGN_OR_RETURN(const auto busy, device.CreateStream());
  const DeviceArray<float> x(device, 8, 1.0f);
  if (rank.rank() == 1) rank.Compute(absl::Milliseconds(300));
  PARLEY_ASSIGN_OR_RETURN(Work watched, comm.Barrier(*busy));
  fakes::CapturedGraph graph(HandleOf(*stream), [&] {
    comm.clock().WaitUntil([] { return false; },
                           comm.clock().NowNs() + 100'000'000);
    // Of these, none is part of the graph.
    EXPECT_EQ(stream->WaitHost(absl::Seconds(1)).code(),
              absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(busy->WaitHost(absl::ZeroDuration()).code(),
              rank.rank() == 0 ? absl::StatusCode::kDeadlineExceeded
                               : absl::StatusCode::kOk);
    EXPECT_EQ(watched.IsDone(), rank.rank() == 1);
    const DeviceArray<float> more(device, 1'000'000);
    EXPECT_TRUE(device.CreateStream().ok());
    EXPECT_EQ(Double(x, *stream), absl::OkStatus());
    EXPECT_TRUE(
        comm.AllReduce({x.view()}, {x.view()}, ReduceOp::kSum, *stream).ok());
  });
  EXPECT_EQ(graph.error(), cudaSuccess);
  PARLEY_RETURN_IF_ERROR(watched.WaitHost());
  EXPECT_EQ(graph.Launch(HandleOf(*stream)), cudaSuccess);
  PARLEY_RETURN_IF_ERROR(stream->WaitHost(absl::Seconds(60)));
  EXPECT_EQ(x[0], 4.0f);
  return absl::OkStatus();
}

TEST(CaptureTest, OtherThreadsDoNotDisturb) {
  const fakes::FakeReport report =
      RunOnNccl({.ranks = 2}, {}, CaptureWhileWatched);
  EXPECT_TRUE(report.clean()) << report;
}

// A stream that goes in the middle of its own capture: nobody else is given
// the memory that the graph uses.
TEST(CaptureTest, AStreamThatGoesEarlyKeepsItsMemory) {
  const fakes::FakeReport report = fakes::RunOnFakes(
      {.ranks = 1}, {}, [](fakes::FakeRank& rank) -> absl::Status {
        PARLEY_ASSIGN_OR_RETURN(
            const auto device,
            CudaDevice::Create(rank.cuda, fakes::FakeCudaKernels(), 0,
                               rank.clock()));
        PARLEY_ASSIGN_OR_RETURN(const auto owner, device->CreateCudaStream());
        const DeviceArray<float> x(*device, 8, 1.0f);
        fakes::CapturedGraph graph(owner->handle(), [&] {
          const auto wrapped = device->WrapStream(owner->handle()).value();
          EXPECT_EQ(Double(x, *wrapped), absl::OkStatus());
        });
        EXPECT_EQ(graph.error(), cudaSuccess);
        PARLEY_ASSIGN_OR_RETURN(const auto next, device->CreateCudaStream());
        EXPECT_EQ(graph.Launch(owner->handle()), cudaSuccess);
        // It would be next's gate.
        next->gate()->Close(StreamGate::kAll, absl::UnavailableError("gone"));
        PARLEY_RETURN_IF_ERROR(owner->WaitHost(absl::Seconds(1)));
        EXPECT_EQ(x[0], 2.0f);
        next->gate()->Settle(absl::UnavailableError("gone"));
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

}  // namespace
}  // namespace parley::testing
