// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Scene: two ranks that have a communicator, a stream and four ints, for tests
// of what one must not do with them.
#ifndef PARLEY_TESTS_FAKES_NCCL_SCENE_H_
#define PARLEY_TESTS_FAKES_NCCL_SCENE_H_

#include <functional>

#include "parley/tests/fakes/run_on_fakes.h"

namespace parley::fakes {

struct Scene {
  FakeRank& rank;
  GpuUser& gpu;
  const NcclApi& nccl;
  ncclComm_t comm;
  cudaStream_t stream;
  int* x;

  ncclResult_t AllReduce(int* data, size_t count) {
    return nccl.AllReduce(data, data, count, ncclInt32, ncclSum, comm, stream);
  }
};

// Runs it at all widths. Whatever is left of the communicator is aborted in the
// end, since most of what is run here hangs.
FakeReport RunScene(const FakeOptions& options,
                    const std::function<void(Scene&)>& run);

}  // namespace parley::fakes

#endif  // PARLEY_TESTS_FAKES_NCCL_SCENE_H_
