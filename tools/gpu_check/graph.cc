// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/gpu_check/graph.h"

#include "parley/base/status_macros.h"
#include "parley/device/cuda/cuda_status.h"

namespace parley::gpu_check {

absl::StatusOr<std::unique_ptr<Graph>> Graph::Capture(
    CudaDevice& device, const GraphApi& api, CudaStream& stream,
    absl::FunctionRef<absl::Status()> enqueue) {
  std::unique_ptr<Graph> graph(new Graph(device, api));
  const CudaApi& cuda = device.api();
  PARLEY_RETURN_IF_ERROR(CudaStatus(
      cuda,
      api.StreamBeginCapture(stream.handle(), cudaStreamCaptureModeGlobal),
      "StreamBeginCapture"));
  // The capture is ended whatever happened in it.
  absl::Status status = enqueue();
  status.Update(
      CudaStatus(cuda, api.StreamEndCapture(stream.handle(), &graph->graph_),
                 "StreamEndCapture"));
  PARLEY_RETURN_IF_ERROR(status);
  PARLEY_RETURN_IF_ERROR(stream.failure());
  PARLEY_RETURN_IF_ERROR(
      CudaStatus(cuda, api.GraphInstantiate(&graph->exec_, graph->graph_),
                 "GraphInstantiate"));
  return graph;
}

Graph::~Graph() {
  if (exec_ != nullptr) api_.GraphExecDestroy(exec_);
  if (graph_ != nullptr) api_.GraphDestroy(graph_);
}

absl::Status Graph::Launch(CudaStream& stream) {
  return CudaStatus(device_.api(), api_.GraphLaunch(exec_, stream.handle()),
                    "GraphLaunch");
}

}  // namespace parley::gpu_check
