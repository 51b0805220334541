// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// A table of NCCL that counts collectives as they go by, so that a check knows
// how many it made, and that can end the process at a given one, as kill -9
// from outside would, but always at the same point.
//
//   const NcclApi counted = CountCollectives(*nccl);
//   ... communicators over `counted` ...
//   std::cout << Collectives() << " collectives";
//
// A group of calls counts as one.
//
// Thread-safety: CountCollectives() once, before the others; these may be
// called by any thread.
#ifndef PARLEY_TOOLS_GPU_CHECK_COUNTED_NCCL_H_
#define PARLEY_TOOLS_GPU_CHECK_COUNTED_NCCL_H_

#include <cstdint>

#include "parley/comm/nccl/nccl_api.h"

namespace parley::gpu_check {

NcclApi CountCollectives(const NcclApi& nccl);

// Those of all threads of this process so far.
int64_t Collectives();

// Sends SIGKILL to this process once `collectives` more have been called.
void DieAfter(int64_t collectives);

}  // namespace parley::gpu_check

#endif  // PARLEY_TOOLS_GPU_CHECK_COUNTED_NCCL_H_
