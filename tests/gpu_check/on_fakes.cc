// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/gpu_check/on_fakes.h"

#include <memory>

#include "absl/time/time.h"
#include "parley/base/status_macros.h"
#include "parley/device/cuda/cuda_device.h"

namespace parley::gpu_check {

fakes::FakeReport RunOnFakeGpus(
    int ranks, const FakeGpus& gpus,
    const std::function<absl::Status(const NcclOptions&)>& body) {
  return fakes::RunOnFakes({.ranks = ranks}, gpus.machine,
                           [&](fakes::FakeRank& rank) -> absl::Status {
                             PARLEY_ASSIGN_OR_RETURN(
                                 const std::unique_ptr<CudaDevice> device,
                                 CudaDevice::Create(rank.cuda, gpus.kernels,
                                                    rank.rank(), rank.clock()));
                             NcclApi nccl = rank.nccl;
                             gpus.decorate(nccl);
                             NcclOptions options;
                             options.nccl = &nccl;
                             options.device = device.get();
                             options.store = &rank.store;
                             options.clock = &rank.clock();
                             options.rank = rank.rank();
                             options.size = rank.size();
                             options.timeout = absl::Seconds(20);
                             options.abort_timeout = absl::Seconds(10);
                             return body(options);
                           });
}

}  // namespace parley::gpu_check
