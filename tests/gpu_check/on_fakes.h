// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The checks' ranks over fake GPUs and a fake NCCL: whether a check accepts
// what is right, and finds what a broken table does.
//
//   const fakes::FakeReport report = RunOnFakeGpus(
//       2, {}, [](const NcclOptions& options) { return Check(options); });
//
// Thread-safety: one at a time.
#ifndef PARLEY_TESTS_GPU_CHECK_ON_FAKES_H_
#define PARLEY_TESTS_GPU_CHECK_ON_FAKES_H_

#include <functional>

#include "absl/status/status.h"
#include "parley/comm/nccl/nccl_communicator.h"
#include "parley/device/cuda/cuda_kernels.h"
#include "parley/tests/fakes/fake_kernels.h"
#include "parley/tests/fakes/fake_machine.h"

namespace parley::gpu_check {

struct FakeGpus {
  fakes::FakeOptions machine = {};
  CudaKernels kernels = fakes::FakeCudaKernels();

  // Changes the table of NCCL that ranks get.
  std::function<void(NcclApi&)> decorate = [](NcclApi&) {};
};

// Runs `body` on each rank with the options of a communicator of all of them.
fakes::FakeReport RunOnFakeGpus(
    int ranks, const FakeGpus& gpus,
    const std::function<absl::Status(const NcclOptions&)>& body);

}  // namespace parley::gpu_check

#endif  // PARLEY_TESTS_GPU_CHECK_ON_FAKES_H_
