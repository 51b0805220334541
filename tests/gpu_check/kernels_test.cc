// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The checks of kernels, on kernels that are right and on broken ones.
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/base/status_macros.h"
#include "parley/device/cpu/cpu_device.h"
#include "parley/tests/fakes/fake_capture.h"
#include "parley/tests/gpu_check/on_fakes.h"
#include "parley/tools/gpu_check/kernel_runs.h"
#include "parley/tools/gpu_check/reference_check.h"
#include "parley/tools/gpu_check/replay_check.h"

namespace parley::gpu_check {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kSeed = 20261125;

const CudaKernels& Right() { return fakes::FakeCudaKernels(); }

constexpr GraphApi kFakeGraphs = {
    .StreamBeginCapture = fakes::StreamBeginCapture,
    .StreamEndCapture = fakes::StreamEndCapture,
    .GraphInstantiate = fakes::GraphInstantiate,
    .GraphLaunch = fakes::GraphLaunch,
    .GraphExecDestroy = fakes::GraphExecDestroy,
    .GraphDestroy = fakes::GraphDestroy,
};

absl::Status ReferencesOver(const CudaKernels& kernels) {
  FakeGpus gpus;
  gpus.kernels = kernels;
  const fakes::FakeReport report =
      RunOnFakeGpus(1, gpus, [](const NcclOptions& options) {
        return CheckAgainstReferences(*options.device, kSeed, {1, 15, 261});
      });
  EXPECT_TRUE(report.diagnoses.empty()) << report;
  return report.world.ranks[0].status;
}

TEST(ReferenceCheckTest, TheKernelsPass) {
  EXPECT_EQ(ReferencesOver(Right()), absl::OkStatus());
}

// Each of these is wrong in one kernel, which the check has to name.
std::multimap<std::string, std::function<void(CudaKernels&)>> BrokenKernels() {
  return {
      {"Mean of",
       [](CudaKernels& k) {
         k.Mean = [](const MeanArgs& args, const LaunchSettings& settings,
                     cudaStream_t stream) {
           MeanArgs fewer = args;
           --fewer.count;
           return Right().Mean(fewer, settings, stream);
         };
       }},
      {"weighted Mean of",
       [](CudaKernels& k) {
         k.Mean = [](const MeanArgs& args, const LaunchSettings& settings,
                     cudaStream_t stream) {
           MeanArgs unweighted = args;
           unweighted.weights = nullptr;
           return Right().Mean(unweighted, settings, stream);
         };
       }},
      {"Reduce 1 of",
       [](CudaKernels& k) {
         k.Reduce = [](const ReduceArgs& args, const LaunchSettings& settings,
                       cudaStream_t stream) {
           ReduceArgs other = args;
           if (other.op == ReduceOp::kMin) other.op = ReduceOp::kMax;
           return Right().Reduce(other, settings, stream);
         };
       }},
      {"Cast to bfloat16 of",
       [](CudaKernels& k) {
         k.Cast = [](const CastArgs& args, const LaunchSettings& settings,
                     cudaStream_t stream) {
           CastArgs other = args;
           if (other.to_dtype == DType::kBFloat16) {
             other.to_dtype = DType::kFloat16;
           }
           return Right().Cast(other, settings, stream);
         };
       }},
      {"Axpby of",
       [](CudaKernels& k) {
         k.Axpby = [](const AxpbyArgs& args, const LaunchSettings& settings,
                      cudaStream_t stream) {
           AxpbyArgs other = args;
           other.a = double{static_cast<float>(other.a)};
           return Right().Axpby(other, settings, stream);
         };
       }},
      {"Lerp of",
       [](CudaKernels& k) {
         k.Lerp = [](const LerpArgs&, const LaunchSettings&, cudaStream_t) {
           return cudaSuccess;
         };
       }},
      {"Delta of",
       [](CudaKernels& k) {
         k.Delta = [](const DeltaArgs& args, const LaunchSettings& settings,
                      cudaStream_t stream) {
           DeltaArgs other = args;
           std::swap(other.a, other.b);
           return Right().Delta(other, settings, stream);
         };
       }},
      // Behind the end of its output.
      {"Delta of",
       [](CudaKernels& k) {
         k.Delta = [](const DeltaArgs& args, const LaunchSettings& settings,
                      cudaStream_t stream) {
           DeltaArgs other = args;
           ++other.count;
           return Right().Delta(other, settings, stream);
         };
       }},
      {"Copy of",
       [](CudaKernels& k) {
         k.CopyBlocks = [](const BlockCopyList&, const LaunchSettings&,
                           cudaStream_t) { return cudaSuccess; };
       }},
      {"Copy of",
       [](CudaKernels& k) {
         k.CopyElements = [](const ElementCopyList&, const LaunchSettings&,
                             cudaStream_t) { return cudaSuccess; };
       }},
      {"Fingerprint of",
       [](CudaKernels& k) {
         k.Fingerprint = [](const FingerprintArgs& args,
                            const LaunchSettings& settings,
                            cudaStream_t stream) {
           FingerprintArgs other = args;
           other.num_pieces = 1;
           return Right().Fingerprint(other, settings, stream);
         };
       }},
  };
}

TEST(ReferenceCheckTest, BrokenKernelsAreFoundAndNamed) {
  for (const auto& [name, break_one] : BrokenKernels()) {
    CudaKernels kernels = Right();
    break_one(kernels);
    const absl::Status status = ReferencesOver(kernels);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << name;
    EXPECT_EQ(std::string(status.message()).rfind(name, 0), 0)
        << name << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("seed 20261125"));
  }
}

absl::Status ReplayOver(const GraphApi& graphs,
                        const CudaKernels& kernels = Right()) {
  FakeGpus gpus;
  gpus.kernels = kernels;
  const fakes::FakeReport report =
      RunOnFakeGpus(1, gpus, [&](const NcclOptions& options) {
        return CheckKernelReplay(*options.device, graphs, kSeed);
      });
  EXPECT_TRUE(report.diagnoses.empty()) << report;
  return report.world.ranks[0].status;
}

TEST(ReplayCheckTest, KernelsReplay) {
  EXPECT_EQ(ReplayOver(kFakeGraphs), absl::OkStatus());
}

TEST(ReplayCheckTest, AReplayThatDoesNothingIsFound) {
  GraphApi graphs = kFakeGraphs;
  graphs.GraphLaunch = [](cudaGraphExec_t, cudaStream_t) {
    return cudaSuccess;
  };
  EXPECT_THAT(std::string(ReplayOver(graphs).message()),
              HasSubstr("replay 0 of a capture"));
}

bool capturing = false;

template <auto kKernel, typename Args>
cudaError_t SkipInCapture(const Args& args, const LaunchSettings& settings,
                          cudaStream_t stream) {
  return capturing ? cudaSuccess : (Right().*kKernel)(args, settings, stream);
}

template <auto kKernel>
CudaKernels SkippingInCapture() {
  CudaKernels kernels = Right();
  kernels.*kKernel = SkipInCapture<kKernel>;
  return kernels;
}

TEST(ReplayCheckTest, AKernelThatIsNotInTheGraphIsFound) {
  GraphApi graphs = kFakeGraphs;
  graphs.StreamBeginCapture = [](cudaStream_t stream,
                                 cudaStreamCaptureMode mode) {
    capturing = true;
    return fakes::StreamBeginCapture(stream, mode);
  };
  graphs.StreamEndCapture = [](cudaStream_t stream, cudaGraph_t* graph) {
    capturing = false;
    return fakes::StreamEndCapture(stream, graph);
  };
  const std::map<std::string, CudaKernels> broken = {
      {"Mean", SkippingInCapture<&CudaKernels::Mean>()},
      {"Reduce", SkippingInCapture<&CudaKernels::Reduce>()},
      {"CopyBlocks", SkippingInCapture<&CudaKernels::CopyBlocks>()},
      {"CopyElements", SkippingInCapture<&CudaKernels::CopyElements>()},
      {"Cast", SkippingInCapture<&CudaKernels::Cast>()},
      {"Axpby", SkippingInCapture<&CudaKernels::Axpby>()},
      {"Lerp", SkippingInCapture<&CudaKernels::Lerp>()},
      {"Delta", SkippingInCapture<&CudaKernels::Delta>()},
      {"Fingerprint", SkippingInCapture<&CudaKernels::Fingerprint>()},
  };
  for (const auto& [name, kernels] : broken) {
    EXPECT_THAT(std::string(ReplayOver(graphs, kernels).message()),
                HasSubstr("replay 0 of a capture"))
        << name;
  }
}

TEST(ReplayCheckTest, CollectivesReplay) {
  const fakes::FakeReport report =
      RunOnFakeGpus(2, {}, [&](const NcclOptions& options) -> absl::Status {
        PARLEY_ASSIGN_OR_RETURN(const auto comm,
                                NcclCommunicator::Create(options));
        return CheckCollectiveReplay(*options.device, *comm, kFakeGraphs,
                                     kSeed);
      });
  EXPECT_TRUE(report.clean()) << report;
}

TEST(KernelRunsTest, AllRunAndTellTheirBytes) {
  constexpr int64_t kBytes = 64 * 1000;  // 16,000 floats
  CpuDevice device;
  const auto stream = device.CreateStream().value();
  const auto runs = KernelRuns::Create(device, kBytes).value();
  std::map<std::string, int64_t> bytes;
  for (const KernelRun& run : runs->all()) {
    EXPECT_EQ(run.enqueue(*stream), absl::OkStatus()) << run.name;
    bytes[run.name] = run.bytes;
  }
  EXPECT_EQ(stream->WaitHost(absl::InfiniteDuration()), absl::OkStatus());
  // 16,000 / 2,300 is 6, of which 5 are copied.
  const int64_t packed = 2 * 4 * 5 * (16'000 / 6);
  EXPECT_EQ(bytes, (std::map<std::string, int64_t>{
                       {"mean of 2, float32", 3 * kBytes},
                       {"mean of 8, float32", 9 * kBytes},
                       {"mean of 2, bfloat16", 3 * kBytes},
                       {"mean of 8, bfloat16", 9 * kBytes},
                       {"axpby, float32", 3 * kBytes},
                       {"lerp, float32", 3 * kBytes},
                       {"delta, float32", 3 * kBytes},
                       {"cast, float32 to bfloat16", kBytes + kBytes / 2},
                       {"fingerprint, float32", kBytes},
                       {"pack 2666 tensors", packed},
                       {"unpack 2666 tensors", packed}}));
}

TEST(KernelRunsTest, OddSizesAreRefused) {
  CpuDevice device;
  EXPECT_EQ(KernelRuns::Create(device, 100).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace parley::gpu_check
