// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The shape of a launch. A kernel's body sees nothing of a GPU but its place
// among the threads of the launch, and gives the same result for any number of
// them and in whatever order they run: so the same body runs on the device and,
// in tests, in a loop on the host (host_launcher.h).
//
// Thread-safety: values, and pure functions.
#ifndef PARLEY_DEVICE_CUDA_GRID_H_
#define PARLEY_DEVICE_CUDA_GRID_H_

#include <cstdint>

#include "parley/base/host_device.h"

namespace parley {

// Which thread of how many.
struct GridPosition {
  int64_t thread;   // in [0, threads)
  int64_t threads;  // at least 1
};

struct Grid {
  static constexpr int kThreadsPerBlock = 256;

  int64_t blocks = 1;

  int64_t threads() const { return blocks * kThreadsPerBlock; }
};

// A kernel's place among what was enqueued on its stream, see stream_gate.h.
struct StreamTicket {
  const int64_t* gate = nullptr;  // none: the kernel runs
  int64_t number = 0;

  PARLEY_HD bool MayRun() const {
    return gate == nullptr ||
           number < *static_cast<const volatile int64_t*>(gate);
  }
};

// What a launch needs to know of its device and its stream.
struct LaunchSettings {
  int multiprocessors = 1;
  // kScratchWords (fingerprint_body.h) words of the device, used by no other
  // stream; for Fingerprint only.
  uint64_t* scratch = nullptr;
  StreamTicket ticket = {};
};

// A thread for each unit of work, up to as many as the device runs at a time;
// bodies loop over what is left.
inline Grid GridFor(int64_t units, const LaunchSettings& settings) {
  constexpr int64_t kBlocksPerMultiprocessor = 2048 / Grid::kThreadsPerBlock;
  const int64_t most = settings.multiprocessors * kBlocksPerMultiprocessor;
  const int64_t wanted =
      (units + Grid::kThreadsPerBlock - 1) / Grid::kThreadsPerBlock;
  Grid grid;
  if (wanted > 1) grid.blocks = wanted < most ? wanted : most;
  return grid;
}

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_GRID_H_
