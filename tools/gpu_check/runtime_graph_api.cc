// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/gpu_check/runtime_graph_api.h"

namespace parley::gpu_check {

const GraphApi& RuntimeGraphApi() {
  static constexpr GraphApi kApi = {
      .StreamBeginCapture = cudaStreamBeginCapture,
      .StreamEndCapture = cudaStreamEndCapture,
      .GraphInstantiate =
          [](cudaGraphExec_t* exec, cudaGraph_t graph) {
            return cudaGraphInstantiate(exec, graph, 0);
          },
      .GraphLaunch = cudaGraphLaunch,
      .GraphExecDestroy = cudaGraphExecDestroy,
      .GraphDestroy = cudaGraphDestroy,
  };
  return kApi;
}

}  // namespace parley::gpu_check
