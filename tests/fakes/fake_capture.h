// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Capture of streams into graphs, with CUDA's rules: which calls become nodes,
// how events carry a capture to other streams and back, and which calls spoil
// it. These functions of CUDA's are no part of CudaApi, since Parley does not
// call them: its users do, and tests.
//
//   StreamBeginCapture(stream, cudaStreamCaptureModeGlobal);
//   ...                                   // whatever enqueues on the stream
//   cudaGraph_t graph;
//   StreamEndCapture(stream, &graph);
//   cudaGraphExec_t exec;
//   GraphInstantiate(&exec, graph);
//   GraphLaunch(exec, stream);
//   GraphExecDestroy(exec);
//   GraphDestroy(graph);
//
// A graph and its executable copies may be destroyed while they run: CUDA keeps
// what runs. What a capture forbids gives a diagnosis, and spoils the capture.
//
// Thread-safety: the functions are thread-safe; FakeCapture is guarded by the
// machine's lock.
#ifndef PARLEY_TESTS_FAKES_FAKE_CAPTURE_H_
#define PARLEY_TESTS_FAKES_FAKE_CAPTURE_H_

#include <cuda_runtime_api.h>

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "parley/tests/fakes/fake_graph.h"

namespace parley::fakes {

cudaError_t StreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t StreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t GraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph);
cudaError_t GraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t GraphExecDestroy(cudaGraphExec_t exec);
cudaError_t GraphDestroy(cudaGraph_t graph);

class CudaCall;
struct CudaThread;

// One capture, from its begin to its end.
struct FakeCapture {
  FakeStream* origin = nullptr;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  const CudaThread* thread = nullptr;  // that began it
  GraphBody* body = nullptr;
  bool spoiled = false;
  bool ended = false;

  // The streams in it, and which nodes come before the next one on each.
  std::map<FakeStream*, std::vector<size_t>> fronts;

  // What is enqueued on the stream, or on several of them, becomes a node.
  void AddTask(FakeStream& stream, Item item);
  void AddOps(const std::string& name, const std::vector<Op>& ops);

  // Makes the next node on the stream wait for `nodes`, too; takes the stream
  // in if it is not in the capture yet.
  void Join(FakeStream& stream, const std::vector<size_t>& nodes);

  // Whether all nodes come before the end of the stream that it began on.
  bool IsJoined() const;

  // Lets go of the streams.
  void End();

 private:
  void AddNode(GraphNode node, const std::vector<FakeStream*>& streams);
};

// What the entries of the table do with a stream or an event of a capture. Each
// returns what the entry returns.
cudaError_t CaptureTask(CudaCall& call, FakeStream& stream, Item item);
cudaError_t CaptureRecord(CudaCall& call, FakeStream& stream, FakeEvent& event);
// Of a stream and an event of which at least one was captured.
cudaError_t CaptureWait(CudaCall& call, FakeStream& stream, FakeEvent& event);

// Refuses the call, and spoils the capture unless it has ended.
cudaError_t SpoilCapture(CudaCall& call, FakeCapture& capture,
                         cudaError_t error, const std::string& text);

// Whether a call that CUDA calls potentially unsafe is allowed beside the
// captures that are under way; otherwise it spoils them.
bool AllowedBesideCaptures(CudaCall& call);

}  // namespace parley::fakes

#endif  // PARLEY_TESTS_FAKES_FAKE_CAPTURE_H_
