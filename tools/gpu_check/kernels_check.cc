// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels on the GPU of this machine: against the CPU's, against float64
// references, and captured into a graph.
#include "parley/device/cuda/kernels_check.h"

#include <cstdint>
#include <memory>

#include "absl/flags/declare.h"
#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "parley/device/cuda/cuda_device.h"
#include "parley/device/cuda/runtime_cuda_api.h"
#include "parley/device/cuda/runtime_cuda_kernels.h"
#include "parley/tools/command_line.h"
#include "parley/tools/gpu_check/programs.h"
#include "parley/tools/gpu_check/reference_check.h"
#include "parley/tools/gpu_check/replay_check.h"
#include "parley/tools/gpu_check/runtime_graph_api.h"
#include "parley/tools/gpu_check/selected_tests.h"

ABSL_DECLARE_FLAG(uint64_t, seed);

namespace parley::gpu_check {
namespace {

constexpr char kUsage[] =
    "kernels_check: checks every kernel on GPU 0, as a GoogleTest program; "
    "takes\n--gtest_filter and its other flags. Exits with 1 if there is no "
    "GPU.";

CudaDevice* gpu = nullptr;

TEST(KernelsCheckTest, GiveTheCpusBits) {
  CheckKernelsAgainstCpu(*gpu, absl::GetFlag(FLAGS_seed));
}

TEST(KernelsCheckTest, MatchReferences) {
  EXPECT_EQ(CheckAgainstReferences(*gpu, absl::GetFlag(FLAGS_seed),
                                   {1, 15, 257, 4099, 100'003}),
            absl::OkStatus());
}

// For tools that make every access slow.
TEST(KernelsCheckTest, MatchReferencesAtSmallSizes) {
  EXPECT_EQ(
      CheckAgainstReferences(*gpu, absl::GetFlag(FLAGS_seed), {1, 15, 1031}),
      absl::OkStatus());
}

TEST(KernelsCheckTest, ReplayToTheSameBits) {
  EXPECT_EQ(
      CheckKernelReplay(*gpu, RuntimeGraphApi(), absl::GetFlag(FLAGS_seed)),
      absl::OkStatus());
}

}  // namespace

int KernelsCheck(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  tools::ParseCommandLine(argc, argv, kUsage, {"seed"});
  const absl::StatusOr<std::unique_ptr<CudaDevice>> device =
      CudaDevice::Create(RuntimeCudaApi(), RuntimeCudaKernels(), 0);
  if (!device.ok()) tools::Fail(device.status());
  gpu = device->get();
  return RunSelectedTests();
}

}  // namespace parley::gpu_check
