// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Work that is captured from a stream into a graph once and replayed:
//
//   PARLEY_ASSIGN_OR_RETURN(
//       const auto graph, Graph::Capture(*device, RuntimeGraphApi(), *stream,
//                                        [&] { return Enqueue(*stream); }));
//   PARLEY_RETURN_IF_ERROR(graph->Launch(*stream));
//
// The entry points are a table, so that the fakes can stand in for them; the
// library itself captures nothing, and has none.
//
// Thread-safety: thread-compatible; a capture is ended by the thread that began
// it.
#ifndef PARLEY_TOOLS_GPU_CHECK_GRAPH_H_
#define PARLEY_TOOLS_GPU_CHECK_GRAPH_H_

#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "parley/device/cuda/cuda_api.h"
#include "parley/device/cuda/cuda_device.h"

namespace parley::gpu_check {

struct GraphApi {
  cudaError_t (*StreamBeginCapture)(cudaStream_t stream,
                                    cudaStreamCaptureMode mode);
  cudaError_t (*StreamEndCapture)(cudaStream_t stream, cudaGraph_t* graph);
  cudaError_t (*GraphInstantiate)(cudaGraphExec_t* exec, cudaGraph_t graph);
  cudaError_t (*GraphLaunch)(cudaGraphExec_t exec, cudaStream_t stream);
  cudaError_t (*GraphExecDestroy)(cudaGraphExec_t exec);
  cudaError_t (*GraphDestroy)(cudaGraph_t graph);
};

class Graph {
 public:
  // What `enqueue` puts on the stream, which does not run now. The device and
  // the table must outlive the graph.
  static absl::StatusOr<std::unique_ptr<Graph>> Capture(
      CudaDevice& device, const GraphApi& api, CudaStream& stream,
      absl::FunctionRef<absl::Status()> enqueue);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  absl::Status Launch(CudaStream& stream);

 private:
  Graph(CudaDevice& device, const GraphApi& api) : device_(device), api_(api) {}

  CudaDevice& device_;
  const GraphApi& api_;
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t exec_ = nullptr;
};

}  // namespace parley::gpu_check

#endif  // PARLEY_TOOLS_GPU_CHECK_GRAPH_H_
