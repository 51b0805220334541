// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The CUDA runtime's graphs as a table.
//
// Thread-safety: thread-safe.
#ifndef PARLEY_TOOLS_GPU_CHECK_RUNTIME_GRAPH_API_H_
#define PARLEY_TOOLS_GPU_CHECK_RUNTIME_GRAPH_API_H_

#include "parley/tools/gpu_check/graph.h"

namespace parley::gpu_check {

const GraphApi& RuntimeGraphApi();

}  // namespace parley::gpu_check

#endif  // PARLEY_TOOLS_GPU_CHECK_RUNTIME_GRAPH_API_H_
