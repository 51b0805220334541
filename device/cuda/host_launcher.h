// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs a launch on the host: every thread of the grid, one after the other,
// through the body that the device would run. What tests put in place of a GPU.
//
//   struct InlineLauncher {
//     using Error = cudaError_t;
//     template <typename Body>
//     Error Launch(const typename Body::Params& params, const Grid& grid) {
//       RunGrid<Body>(params, grid);
//       return cudaSuccess;
//     }
//   };
//   LaunchMean(args, settings, InlineLauncher());
//
// Bit for bit what the device gives, whatever floating-point mode the calling
// thread is in.
//
// Thread-safety: thread-safe, given different memory.
#ifndef PARLEY_DEVICE_CUDA_HOST_LAUNCHER_H_
#define PARLEY_DEVICE_CUDA_HOST_LAUNCHER_H_

#include <cstdint>

#include "parley/device/cpu/float_environment.h"
#include "parley/device/cuda/grid.h"

namespace parley {
namespace internal {

// Not inlined: see float_environment.h.
template <typename Body>
[[gnu::noinline]] void RunThreads(const typename Body::Params& params,
                                  int64_t threads) {
  for (int64_t thread = 0; thread < threads; ++thread) {
    Body::Run(GridPosition{thread, threads}, params);
  }
}

}  // namespace internal

template <typename Body>
void RunGrid(const typename Body::Params& params, const Grid& grid) {
  ScopedFloatEnvironment environment;
  internal::RunThreads<Body>(params, grid.threads());
}

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_HOST_LAUNCHER_H_
