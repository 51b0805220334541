// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Worlds whose ranks talk through NCCL: the NcclCommunicator and the CudaDevice
// of production, over fake GPUs and a fake NCCL in virtual time.
//
//   const fakes::FakeReport report = RunOnNccl(
//       {.ranks = 4}, {}, [](sim::RankContext& rank) -> absl::Status {
//         return TrainMyModel(rank.communicator());  // an NcclCommunicator
//       });
//   EXPECT_TRUE(report.clean()) << report;
//
// Thread-safety: one world at a time.
#ifndef PARLEY_TESTS_NCCL_NCCL_WORLD_H_
#define PARLEY_TESTS_NCCL_NCCL_WORLD_H_

#include <functional>

#include "absl/status/status.h"
#include "parley/comm/nccl/nccl_api.h"
#include "parley/comm/nccl/nccl_communicator.h"
#include "parley/device/cuda/cuda_api.h"
#include "parley/sim/world.h"
#include "parley/tests/fakes/fake_machine.h"

namespace parley::testing {

// What stands under the communicators of a world.
struct NcclWorldOptions {
  fakes::FakeOptions fakes = {};

  // Change the tables that the ranks get, to break something.
  std::function<void(CudaApi&)> decorate_cuda = nullptr;
  std::function<void(NcclApi&)> decorate_nccl = nullptr;

  // As those of NcclOptions.
  absl::Duration timeout = absl::Seconds(10);
  absl::Duration abort_timeout = absl::Seconds(5);
  absl::Duration progress_interval = absl::Seconds(1);
};

fakes::FakeReport RunOnNccl(
    const sim::WorldOptions& world, const NcclWorldOptions& options,
    const std::function<absl::Status(sim::RankContext&)>& body);

}  // namespace parley::testing

#endif  // PARLEY_TESTS_NCCL_NCCL_WORLD_H_
