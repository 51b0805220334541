// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/fakes/captured_graph.h"

#include <utility>

#include "parley/tests/fakes/fake_capture.h"

namespace parley::fakes {

CapturedGraph::CapturedGraph(cudaStream_t stream,
                             const std::function<void()>& body,
                             cudaStreamCaptureMode mode) {
  error_ = StreamBeginCapture(stream, mode);
  if (error_ != cudaSuccess) return;
  body();
  error_ = StreamEndCapture(stream, &graph_);
  if (error_ == cudaSuccess) error_ = GraphInstantiate(&exec_, graph_);
}

cudaError_t CapturedGraph::Launch(cudaStream_t stream) {
  return GraphLaunch(exec_, stream);
}

void CapturedGraph::Destroy() {
  if (exec_ != nullptr) GraphExecDestroy(std::exchange(exec_, nullptr));
  if (graph_ != nullptr) GraphDestroy(std::exchange(graph_, nullptr));
}

}  // namespace parley::fakes
