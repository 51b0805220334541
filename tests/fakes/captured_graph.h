// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// CapturedGraph: what a function enqueues on a stream of the fakes, to be
// launched again and again.
//
//   CapturedGraph graph(stream, [&] { gpu.Add(x, 4, 1, stream); });
//   EXPECT_EQ(graph.error(), cudaSuccess);
//   EXPECT_EQ(graph.Launch(stream), cudaSuccess);
//
// Thread-safety: for the thread that made it.
#ifndef PARLEY_TESTS_FAKES_CAPTURED_GRAPH_H_
#define PARLEY_TESTS_FAKES_CAPTURED_GRAPH_H_

#include <cuda_runtime_api.h>

#include <functional>

namespace parley::fakes {

class CapturedGraph {
 public:
  CapturedGraph(cudaStream_t stream, const std::function<void()>& body,
                cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal);
  CapturedGraph(const CapturedGraph&) = delete;
  CapturedGraph& operator=(const CapturedGraph&) = delete;
  ~CapturedGraph() { Destroy(); }

  // How the capture ended, and the making of the graph.
  cudaError_t error() const { return error_; }

  // Requires that there was no error.
  cudaError_t Launch(cudaStream_t stream);

  // What runs is not disturbed.
  void Destroy();

 private:
  cudaError_t error_ = cudaSuccess;
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t exec_ = nullptr;
};

}  // namespace parley::fakes

#endif  // PARLEY_TESTS_FAKES_CAPTURED_GRAPH_H_
