// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/fakes/nccl_scene.h"

#include "gtest/gtest.h"

namespace parley::fakes {

FakeReport RunScene(const FakeOptions& options,
                    const std::function<void(Scene&)>& run) {
  return RunAtAllWidths(
      {.ranks = 2}, options, [&run](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        cudaStream_t stream = gpu.Stream();
        ncclComm_t comm = gpu.Comm();
        int* x = gpu.Device<int>({1, 2, 3, 4}, stream);
        Scene scene{rank, gpu, rank.nccl, comm, stream, x};
        run(scene);
        if (scene.comm != nullptr) {
          EXPECT_EQ(rank.nccl.CommAbort(scene.comm), ncclSuccess);
        }
        EXPECT_TRUE(gpu.Wait(stream));
        return absl::OkStatus();
      });
}

}  // namespace parley::fakes
