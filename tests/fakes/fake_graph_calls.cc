// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// CUDA's functions on captures and graphs.
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/tests/fakes/fake_call.h"
#include "parley/tests/fakes/fake_capture.h"
#include "parley/tests/fakes/fake_machine.h"

namespace parley::fakes {
namespace {

// The object behind a handle of this rank's; on null, call.error() says what to
// return.
template <typename T>
T* FindGraph(CudaCall& call, const std::vector<std::unique_ptr<T>>& list,
             const void* handle) {
  if (call.error() != cudaSuccess) return nullptr;
  if (!call.HasThread()) {
    call.Fail(cudaErrorNotSupported);
    return nullptr;
  }
  for (const auto& object : list) {
    if (object.get() != handle) continue;
    if (!object->destroyed) return object.get();
    call.Refuse(cudaErrorInvalidValue,
                absl::StrCat(object->name, ", which was destroyed"));
    return nullptr;
  }
  call.Refuse(cudaErrorInvalidValue, "a handle that is no graph of this rank");
  return nullptr;
}

template <typename T>
cudaError_t DestroyGraph(CudaCall& call, T* object) {
  if (object == nullptr) return call.error();
  object->destroyed = true;
  object->body->Release(*call.thread());
  return cudaSuccess;
}

// What a communicator that is gone has left in a graph must not run.
bool CheckComms(CudaCall& call, const FakeGraphExec& exec) {
  for (const GraphNode& node : exec.body->nodes) {
    if (node.ops.empty() || !node.ops[0].comm->gone) continue;
    call.Refuse(cudaErrorInvalidValue,
                absl::StrCat(exec.name, " contains ", node.name,
                             ", which was destroyed or aborted"));
    return false;
  }
  return true;
}

}  // namespace

cudaError_t StreamBeginCapture(cudaStream_t handle,
                               cudaStreamCaptureMode mode) {
  CudaCall call("cudaStreamBeginCapture");
  FakeStream* stream = call.Find(handle);
  if (stream == nullptr) return call.error();
  if (stream->capture() != nullptr) {
    return call.Refuse(cudaErrorIllegalState,
                       absl::StrCat(stream->name(), " is being captured"));
  }
  FakeDevice& device = call.device();
  device.bodies.push_back(std::make_unique<GraphBody>(device));
  device.captures.push_back(std::make_unique<FakeCapture>());
  FakeCapture& capture = *device.captures.back();
  capture.origin = stream;
  capture.mode = mode;
  capture.thread = &ThisCudaThread();
  capture.body = device.bodies.back().get();
  capture.Join(*stream, {});
  return cudaSuccess;
}

cudaError_t StreamEndCapture(cudaStream_t handle, cudaGraph_t* made) {
  CudaCall call("cudaStreamEndCapture");
  *made = nullptr;
  FakeStream* stream = call.Find(handle);
  if (stream == nullptr) return call.error();
  if (!call.HasThread()) return call.Fail(cudaErrorNotSupported);
  FakeCapture* capture = stream->capture();
  if (capture == nullptr) {
    return call.Refuse(cudaErrorIllegalState,
                       absl::StrCat(stream->name(), " is not being captured"));
  }
  if (capture->origin != stream) {
    return SpoilCapture(
        call, *capture, cudaErrorStreamCaptureUnmatched,
        absl::StrCat("the capture of ", stream->name(), " was begun on ",
                     capture->origin->name()));
  }
  if (capture->mode != cudaStreamCaptureModeRelaxed &&
      capture->thread != &ThisCudaThread()) {
    return SpoilCapture(call, *capture, cudaErrorStreamCaptureWrongThread,
                        "another thread began the capture");
  }
  const bool joined = capture->IsJoined();
  capture->End();
  if (capture->spoiled || !joined) {
    capture->body->Release(*call.thread());
    if (capture->spoiled) return call.Fail(cudaErrorStreamCaptureInvalidated);
    return call.Refuse(
        cudaErrorStreamCaptureUnjoined,
        absl::StrCat(stream->name(),
                     " does not wait for all that was captured elsewhere"));
  }
  FakeDevice& device = call.device();
  device.graphs.push_back(std::make_unique<FakeGraph>(
      FakeGraph{&device, device.NextName("graph"), capture->body}));
  *made = reinterpret_cast<cudaGraph_t>(device.graphs.back().get());
  return cudaSuccess;
}

cudaError_t GraphInstantiate(cudaGraphExec_t* made, cudaGraph_t handle) {
  CudaCall call("cudaGraphInstantiate");
  *made = nullptr;
  FakeDevice& device = call.device();
  const FakeGraph* graph = FindGraph(call, device.graphs, handle);
  if (graph == nullptr) return call.error();
  ++graph->body->refs;
  device.execs.push_back(std::make_unique<FakeGraphExec>(FakeGraphExec{
      &device, device.NextName("executable graph"), graph->body}));
  *made = reinterpret_cast<cudaGraphExec_t>(device.execs.back().get());
  return cudaSuccess;
}

cudaError_t GraphLaunch(cudaGraphExec_t exec_handle,
                        cudaStream_t stream_handle) {
  CudaCall call("cudaGraphLaunch");
  FakeDevice& device = call.device();
  FakeGraphExec* exec = FindGraph(call, device.execs, exec_handle);
  if (exec == nullptr) return call.error();
  FakeStream* stream = call.Find(stream_handle);
  if (stream == nullptr) return call.error();
  if (stream->capture() != nullptr) {
    return SpoilCapture(call, *stream->capture(), cudaErrorNotSupported,
                        "graphs in graphs are nothing that the fake knows");
  }
  if (!CheckComms(call, *exec)) return call.error();
  const std::string name =
      absl::StrCat("launch ", ++exec->launches, " of ", exec->name);
  device.graph_runs.push_back(std::make_unique<GraphRun>(
      *exec->body, name,
      call.machine().Draws(name, static_cast<uint64_t>(device.rank))));
  sim::SimThread& thread = *call.thread();
  // Launches of one executable graph do not overlap, wherever they are.
  if (exec->last != nullptr) {
    Item wait;
    wait.kind = Item::kWait;
    wait.name = absl::StrCat("the launch before ", name);
    wait.point = exec->last;
    stream->Push(thread, std::move(wait));
  }
  Item item;
  item.kind = Item::kGraph;
  item.name = name;
  item.graph = device.graph_runs.back().get();
  item.graph->Announce(thread);
  stream->Push(thread, std::move(item));
  exec->last = std::make_shared<Point>();
  Item record;
  record.kind = Item::kRecord;
  record.name = absl::StrCat("the end of ", name);
  record.point = exec->last;
  stream->Push(thread, std::move(record));
  return cudaSuccess;
}

cudaError_t GraphExecDestroy(cudaGraphExec_t handle) {
  CudaCall call("cudaGraphExecDestroy");
  return DestroyGraph(call, FindGraph(call, call.device().execs, handle));
}

cudaError_t GraphDestroy(cudaGraph_t handle) {
  CudaCall call("cudaGraphDestroy");
  return DestroyGraph(call, FindGraph(call, call.device().graphs, handle));
}

}  // namespace parley::fakes
