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

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"
#include "parley/base/status_macros.h"
#include "parley/device/cpu/cpu_device.h"
#include "parley/device/cuda/kernels_check.h"
#include "parley/device/kernels/elementwise.h"
#include "parley/tests/fakes/fake_capture.h"
#include "parley/tests/gpu_check/on_fakes.h"
#include "parley/tools/gpu_check/kernel_runs.h"
#include "parley/tools/gpu_check/reference_check.h"
#include "parley/tools/gpu_check/replay_check.h"

namespace parley::gpu_check {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

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
      {"Cast with bfloat16 of",
       [](CudaKernels& k) {
         k.Elementwise = [](const ElementwiseArgs& args,
                            const LaunchSettings& settings,
                            cudaStream_t stream) {
           ElementwiseArgs other = args;
           if (args.op == ElementwiseOp::kCast &&
               args.dtypes[1] == DType::kBFloat16) {
             other.dtypes[1] = DType::kFloat16;
           }
           return Right().Elementwise(other, settings, stream);
         };
       }},
      {"Lerp with float64 of",
       [](CudaKernels& k) {
         k.Elementwise = [](const ElementwiseArgs& args,
                            const LaunchSettings& settings,
                            cudaStream_t stream) {
           ElementwiseArgs other = args;
           // Rounded sooner than it may be.
           if (args.op == ElementwiseOp::kLerp &&
               args.dtypes[1] == DType::kFloat64) {
             other.scalars[0] = double{static_cast<float>(args.scalars[0])};
           }
           return Right().Elementwise(other, settings, stream);
         };
       }},
      {"Cast with float32 of",
       [](CudaKernels& k) {
         k.Elementwise = [](const ElementwiseArgs& args,
                            const LaunchSettings& settings,
                            cudaStream_t stream) {
           if (args.op == ElementwiseOp::kCast) return cudaSuccess;
           return Right().Elementwise(args, settings, stream);
         };
       }},
      // Behind the end of what it writes; poison is poison in float32.
      {"Cast with float64 of",
       [](CudaKernels& k) {
         k.Elementwise = [](const ElementwiseArgs& args,
                            const LaunchSettings& settings,
                            cudaStream_t stream) {
           if (args.op != ElementwiseOp::kCast) {
             return Right().Elementwise(args, settings, stream);
           }
           ElementwisePiece longer = args.pieces[0];
           ++longer.count;
           ElementwiseArgs other = args;
           other.pieces = &longer;
           return Right().Elementwise(other, settings, stream);
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

// A CPU's device that does nothing for one kernel.
class LazyDevice : public CpuDevice {
 public:
  explicit LazyDevice(std::string lazy) : lazy_(std::move(lazy)) {}

  absl::Status Mean(const MeanArgs& args, Stream& stream) override {
    return lazy_ == "Mean" ? absl::OkStatus() : CpuDevice::Mean(args, stream);
  }
  absl::Status Copy(const CopyArgs& args, Stream& stream) override {
    return lazy_ == "Copy" ? absl::OkStatus() : CpuDevice::Copy(args, stream);
  }
  absl::Status Elementwise(const ElementwiseArgs& args,
                           Stream& stream) override {
    return lazy_ == kernels::NameOf(args.op)
               ? absl::OkStatus()
               : CpuDevice::Elementwise(args, stream);
  }
  absl::Status Fingerprint(const FingerprintArgs& args,
                           Stream& stream) override {
    return lazy_ == "Fingerprint" ? absl::OkStatus()
                                  : CpuDevice::Fingerprint(args, stream);
  }

 private:
  const std::string lazy_;
};

// What CheckKernelsAgainstCpu() says of a device.
std::vector<std::string> FailuresAgainstCpu(const std::string& lazy) {
  LazyDevice device(lazy);
  ::testing::TestPartResultArray results;
  {
    ::testing::ScopedFakeTestPartResultReporter reporter(
        ::testing::ScopedFakeTestPartResultReporter::
            INTERCEPT_ONLY_CURRENT_THREAD,
        &results);
    CheckKernelsAgainstCpu(device, kSeed, {1, 257});
  }
  std::vector<std::string> failures;
  for (int i = 0; i < results.size(); ++i) {
    failures.push_back(results.GetTestPartResult(i).message());
  }
  return failures;
}

TEST(KernelsCheckTest, EveryKernelIsComparedWithTheCpus) {
  EXPECT_THAT(FailuresAgainstCpu(""), IsEmpty());
  std::vector<std::string> names = {"Mean", "Copy", "Fingerprint"};
  for (const ElementwiseOp op : kAllElementwiseOps) {
    names.push_back(kernels::NameOf(op));
  }
  for (const std::string& name : names) {
    EXPECT_THAT(FailuresAgainstCpu(name), Not(IsEmpty())) << name;
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
      {"CopyBlocks", SkippingInCapture<&CudaKernels::CopyBlocks>()},
      {"CopyElements", SkippingInCapture<&CudaKernels::CopyElements>()},
      {"Elementwise", SkippingInCapture<&CudaKernels::Elementwise>()},
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
  const std::map<std::string, int64_t> expected = {
      {"mean of 2, float32", 3 * kBytes},
      {"mean of 8, float32", 9 * kBytes},
      {"mean of 2, bfloat16", 3 * kBytes},
      {"mean of 8, bfloat16", 9 * kBytes},
      {"Cast of float32, float32", 2 * kBytes},
      {"Cast of bfloat16, float32", 3 * kBytes / 2},
      {"Lerp of float32, float32", 3 * kBytes},
      {"Lerp of bfloat16, float32", 5 * kBytes / 2},
      {"Lerp of 2666 tensors", packed * 3 / 2},
      {"fingerprint, float32", kBytes},
      {"pack 2666 tensors", packed},
      {"unpack 2666 tensors", packed}};
  for (const auto& [name, expected_bytes] : expected) {
    EXPECT_EQ(bytes[name], expected_bytes) << name;
  }
  for (const ElementwiseOp op : kAllElementwiseOps) {
    EXPECT_GT(bytes[absl::StrCat(kernels::NameOf(op), " of float32, float32")],
              kBytes);
  }
}

TEST(KernelRunsTest, OddSizesAreRefused) {
  CpuDevice device;
  EXPECT_EQ(KernelRuns::Create(device, 100).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace parley::gpu_check
