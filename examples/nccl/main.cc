// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// A first program on GPUs: a process per rank, with a GPU each.
#include <iostream>

#include "parley/averaging/model_averager.h"
#include "parley/base/status_macros.h"
#include "parley/comm/nccl/nccl_communicator.h"
#include "parley/comm/store/environment.h"
#include "parley/comm/store/open_store.h"
#include "parley/device/cuda/runtime_cuda_api.h"
#include "parley/device/cuda/runtime_cuda_kernels.h"

namespace parley {

absl::Status Train() {
  PARLEY_ASSIGN_OR_RETURN(const auto job, LaunchEnvironment::Read());
  PARLEY_ASSIGN_OR_RETURN(const NcclApi* nccl, LoadNcclApi());
  PARLEY_ASSIGN_OR_RETURN(
      const auto gpu, CudaDevice::Create(RuntimeCudaApi(), RuntimeCudaKernels(),
                                         job.local_rank));
  PARLEY_ASSIGN_OR_RETURN(const auto store, OpenStore(job));
  NcclOptions options{.nccl = nccl, .device = gpu.get(), .store = store.get()};
  options.rank = job.rank;
  options.size = job.size;
  PARLEY_ASSIGN_OR_RETURN(const auto comm, NcclCommunicator::Create(options));
  // 1,000 weights, which the host trains here: in memory that it can touch.
  PARLEY_ASSIGN_OR_RETURN(
      const auto memory,
      Allocation::Create(gpu->host_visible_allocator(), 4000));
  const TensorView tensor(memory.data(), DType::kFloat32, {1000}, gpu->id());
  const absl::Span<float> weights(static_cast<float*>(memory.data()), 1000);
  for (float& w : weights) w = 0;
  PARLEY_ASSIGN_OR_RETURN(
      auto parameters,
      ParameterSet::Create(
          {{.parameters = {{.name = "w", .tensor = tensor}}}}));
  PARLEY_ASSIGN_OR_RETURN(
      const auto averager,
      ModelAverager::Create({.communicator = comm.get(),
                             .parameters = parameters,
                             .schedule = PeriodicSchedule({.period = 4})}));
  for (int step = 0; step < 20; ++step) {
    for (float& w : weights) w -= 0.5f * (w - static_cast<float>(job.rank));
    PARLEY_RETURN_IF_ERROR(averager->Step().status());
  }
  PARLEY_RETURN_IF_ERROR(averager->Finish());
  std::cout << "rank " << job.rank << " ends with " << weights[0] << "\n";
  return absl::OkStatus();
}

}  // namespace parley

int main() {
  const absl::Status status = parley::Train();
  if (!status.ok()) std::cerr << "nccl: " << status << "\n";
  return status.ok() ? 0 : 1;
}
