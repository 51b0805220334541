// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Says which GPU this is and which CUDA and NCCL are here, or in one line why
// there is none.
#include <cstdio>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "parley/base/status_macros.h"
#include "parley/comm/nccl/nccl_api.h"
#include "parley/device/cuda/cuda_api.h"
#include "parley/device/cuda/cuda_status.h"
#include "parley/device/cuda/runtime_cuda_api.h"
#include "parley/tools/command_line.h"

namespace parley::gpu_check {
namespace {

constexpr char kUsage[] =
    "gpu_info: prints what this machine has: GPU, driver, CUDA, NCCL. Exits "
    "with\n1 if there is no GPU.";

absl::Status Main() {
  const CudaApi& api = RuntimeCudaApi();
  int count = 0, driver = 0, runtime = 0;
  PARLEY_RETURN_IF_ERROR(
      CudaStatus(api, api.GetDeviceCount(&count), "cannot use a GPU"));
  cudaDeviceProp properties;
  PARLEY_RETURN_IF_ERROR(CudaStatus(
      api, cudaGetDeviceProperties(&properties, 0), "cannot ask GPU 0"));
  PARLEY_RETURN_IF_ERROR(
      CudaStatus(api, api.DriverGetVersion(&driver), "DriverGetVersion"));
  PARLEY_RETURN_IF_ERROR(
      CudaStatus(api, api.RuntimeGetVersion(&runtime), "RuntimeGetVersion"));
  std::printf("GPU: %s, sm_%d%d, %d multiprocessors, %.1f GiB (1 of %d)\n",
              properties.name, properties.major, properties.minor,
              properties.multiProcessorCount,
              static_cast<double>(properties.totalGlobalMem) / (1 << 30),
              count);
  std::printf("CUDA: runtime %d, driver %d\n", runtime, driver);
  const absl::StatusOr<const NcclApi*> nccl = LoadNcclApi();
  if (!nccl.ok()) {
    std::printf("NCCL: none: %s\n",
                std::string(nccl.status().message()).c_str());
    return absl::OkStatus();
  }
  int version = 0;
  (*nccl)->GetVersion(&version);
  std::printf("NCCL: %d\n", version);
  return absl::OkStatus();
}

}  // namespace
}  // namespace parley::gpu_check

int main(int argc, char** argv) {
  parley::tools::ParseCommandLine(argc, argv, parley::gpu_check::kUsage, {});
  const absl::Status status = parley::gpu_check::Main();
  if (!status.ok()) parley::tools::Fail(status);
  return 0;
}
