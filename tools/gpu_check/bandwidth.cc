// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// How fast kernels move memory on this GPU, beside CUDA's own copy from one
// place of it to another, timed in turns.
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "parley/base/status_macros.h"
#include "parley/device/cuda/cuda_api.h"
#include "parley/device/cuda/cuda_device.h"
#include "parley/device/cuda/cuda_status.h"
#include "parley/device/cuda/runtime_cuda_api.h"
#include "parley/device/cuda/runtime_cuda_kernels.h"
#include "parley/tools/command_line.h"
#include "parley/tools/gpu_check/kernel_runs.h"
#include "parley/tools/gpu_check/programs.h"
#include "parley/tools/gpu_check/ratios.h"

namespace parley::gpu_check {
namespace {

constexpr char kUsage[] =
    "bandwidth: measures kernels of GPU 0 on tensors of 256 MiB beside a copy "
    "in\nits memory, and prints the ratios, medians of 7 with the lowest and "
    "the\nhighest. Exits with 1 if one is below its target, or if there is no "
    "GPU.";

constexpr int64_t kTensorBytes = int64_t{256} << 20;
constexpr int kRepetitions = 7;
constexpr int kCallsPerRepetition = 10;
constexpr absl::Duration kPatience = absl::Seconds(30);

// Two events with times, which the library's own do not have.
class Stopwatch {
 public:
  explicit Stopwatch(CudaStream& stream) : stream_(stream) {}
  ~Stopwatch() {
    if (start_ != nullptr) cudaEventDestroy(start_);
    if (stop_ != nullptr) cudaEventDestroy(stop_);
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  absl::Status Create() {
    PARLEY_RETURN_IF_ERROR(Checked(cudaEventCreate(&start_)));
    return Checked(cudaEventCreate(&stop_));
  }

  // Bytes per second of calls that move `bytes` each.
  absl::StatusOr<double> Measure(int64_t bytes,
                                 const std::function<absl::Status()>& call) {
    PARLEY_RETURN_IF_ERROR(Checked(cudaEventRecord(start_, stream_.handle())));
    for (int i = 0; i < kCallsPerRepetition; ++i) {
      PARLEY_RETURN_IF_ERROR(call());
    }
    PARLEY_RETURN_IF_ERROR(Checked(cudaEventRecord(stop_, stream_.handle())));
    PARLEY_RETURN_IF_ERROR(stream_.WaitHost(kPatience));
    float milliseconds = 0;
    PARLEY_RETURN_IF_ERROR(
        Checked(cudaEventElapsedTime(&milliseconds, start_, stop_)));
    return 1e3 * static_cast<double>(bytes * kCallsPerRepetition) /
           static_cast<double>(milliseconds);
  }

 private:
  static absl::Status Checked(cudaError_t error) {
    return CudaStatus(RuntimeCudaApi(), error, "an event with time");
  }

  CudaStream& stream_;
  cudaEvent_t start_ = nullptr;
  cudaEvent_t stop_ = nullptr;
};

absl::StatusOr<Speed> MeasureBesideCopy(const KernelRun& run,
                                        const KernelRuns& runs,
                                        CudaStream& stream,
                                        Stopwatch& stopwatch) {
  Speed speed;
  speed.name = run.name;
  const auto kernel = [&] { return run.enqueue(stream); };
  const auto copy = [&] {
    const CudaApi& api = RuntimeCudaApi();
    return CudaStatus(
        api,
        api.MemcpyAsync(runs.to(), runs.from(),
                        static_cast<size_t>(runs.bytes()),
                        cudaMemcpyDeviceToDevice, stream.handle()),
        "MemcpyAsync");
  };
  // Once before, for what happens only the first time.
  PARLEY_RETURN_IF_ERROR(kernel());
  PARLEY_RETURN_IF_ERROR(copy());
  for (int i = 0; i < kRepetitions; ++i) {
    PARLEY_ASSIGN_OR_RETURN(const double copied,
                            stopwatch.Measure(2 * runs.bytes(), copy));
    PARLEY_ASSIGN_OR_RETURN(const double run_speed,
                            stopwatch.Measure(run.bytes, kernel));
    speed.copy.push_back(copied);
    speed.kernel.push_back(run_speed);
  }
  return speed;
}

absl::Status Main() {
  PARLEY_ASSIGN_OR_RETURN(
      const std::unique_ptr<CudaDevice> device,
      CudaDevice::Create(RuntimeCudaApi(), RuntimeCudaKernels(), 0));
  PARLEY_ASSIGN_OR_RETURN(const auto stream, device->CreateCudaStream());
  PARLEY_ASSIGN_OR_RETURN(const auto runs,
                          KernelRuns::Create(*device, kTensorBytes));
  Stopwatch stopwatch(*stream);
  PARLEY_RETURN_IF_ERROR(stopwatch.Create());
  std::vector<Speed> speeds;
  for (const KernelRun& run : runs->all()) {
    PARLEY_ASSIGN_OR_RETURN(Speed speed,
                            MeasureBesideCopy(run, *runs, *stream, stopwatch));
    speeds.push_back(std::move(speed));
  }
  std::fputs(RatioTable(speeds).c_str(), stdout);
  if (AllMet(speeds)) {
    std::printf("all at least %.2f of the copy\n", kLeastRatio);
    return absl::OkStatus();
  }
  return absl::InternalError(
      absl::StrFormat("kernels below %.2f of the copy", kLeastRatio));
}

}  // namespace

int Bandwidth(int argc, char** argv) {
  tools::ParseCommandLine(argc, argv, kUsage, {});
  const absl::Status status = Main();
  if (!status.ok()) tools::Fail(status);
  return 0;
}

}  // namespace parley::gpu_check
