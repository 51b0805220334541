// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The life of communicators of one rank: made and destroyed in every order,
// split, aborted with work under way, shrunk afterwards; each operation and a
// training run on them. What needs no second process, and so can be tried
// first.
//
//   PARLEY_RETURN_IF_ERROR(CheckOneRank(options));
//
// Thread-safety: a function of its arguments.
#ifndef PARLEY_TOOLS_GPU_CHECK_ONE_RANK_H_
#define PARLEY_TOOLS_GPU_CHECK_ONE_RANK_H_

#include "absl/status/status.h"
#include "parley/comm/nccl/nccl_communicator.h"

namespace parley::gpu_check {

// Requires options.size == 1. kInternal, or what an operation returned, with
// what it was.
absl::Status CheckOneRank(const NcclOptions& options);

}  // namespace parley::gpu_check

#endif  // PARLEY_TOOLS_GPU_CHECK_ONE_RANK_H_
