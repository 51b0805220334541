// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/fakes/fake_capture.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/tests/fakes/fake_call.h"
#include "parley/tests/fakes/fake_machine.h"

namespace parley::fakes {
namespace {

constexpr char kSpoils[] = ", which ends in an invalid graph";

void Unite(const std::vector<size_t>& from, std::vector<size_t>& to) {
  for (const size_t node : from) {
    if (std::find(to.begin(), to.end(), node) == to.end()) to.push_back(node);
  }
}

std::string NameOf(const FakeCapture& capture) {
  return absl::StrCat("the capture of ", capture.origin->name());
}

}  // namespace

void FakeCapture::AddTask(FakeStream& stream, Item item) {
  GraphNode node;
  node.name = std::move(item.name);
  node.run = std::move(item.run);
  node.accesses = std::move(item.accesses);
  AddNode(std::move(node), {&stream});
}

void FakeCapture::AddOps(const std::string& name, const std::vector<Op>& ops) {
  GraphNode node;
  node.name = name;
  node.ops = ops;
  std::vector<FakeStream*> streams;
  for (const Op& op : ops) streams.push_back(op.stream);
  ops[0].comm->graphs.push_back(body);
  AddNode(std::move(node), streams);
}

void FakeCapture::AddNode(GraphNode node,
                          const std::vector<FakeStream*>& streams) {
  for (FakeStream* stream : streams) Unite(fronts[stream], node.needs);
  for (FakeStream* stream : streams) fronts[stream] = {body->nodes.size()};
  body->nodes.push_back(std::move(node));
}

void FakeCapture::Join(FakeStream& stream, const std::vector<size_t>& nodes) {
  stream.set_capture(this);
  Unite(nodes, fronts[&stream]);
}

bool FakeCapture::IsJoined() const {
  std::vector<bool> before(body->nodes.size());
  for (const size_t node : fronts.at(origin)) before[node] = true;
  // What a node needs has a lower number.
  for (size_t i = before.size(); i-- > 0;) {
    if (!before[i]) return false;
    for (const size_t need : body->nodes[i].needs) before[need] = true;
  }
  return true;
}

void FakeCapture::End() {
  ended = true;
  for (const auto& entry : fronts) entry.first->set_capture(nullptr);
}

cudaError_t SpoilCapture(CudaCall& call, FakeCapture& capture,
                         cudaError_t error, const std::string& text) {
  if (!capture.ended) capture.spoiled = true;
  return call.Refuse(error, text);
}

cudaError_t CaptureTask(CudaCall& call, FakeStream& stream, Item item) {
  if (stream.capture()->spoiled) {
    return call.Fail(cudaErrorStreamCaptureInvalidated);
  }
  stream.capture()->AddTask(stream, std::move(item));
  return cudaSuccess;
}

cudaError_t CaptureRecord(CudaCall& call, FakeStream& stream,
                          FakeEvent& event) {
  FakeCapture& capture = *stream.capture();
  if (capture.spoiled) return call.Fail(cudaErrorStreamCaptureInvalidated);
  event.point = nullptr;
  event.capture = &capture;
  event.nodes = capture.fronts[&stream];
  return cudaSuccess;
}

cudaError_t CaptureWait(CudaCall& call, FakeStream& stream, FakeEvent& event) {
  FakeCapture* const own = stream.capture();
  if (own != nullptr && own->spoiled) {
    return call.Fail(cudaErrorStreamCaptureInvalidated);
  }
  if (event.capture == nullptr) {
    if (event.point == nullptr) return cudaSuccess;  // was never recorded
    return SpoilCapture(
        call, *own, cudaErrorStreamCaptureIsolation,
        absl::StrCat(stream.name(), " waits in a capture for ", event.name,
                     ", which was recorded outside", kSpoils));
  }
  FakeCapture& theirs = *event.capture;
  if (theirs.ended) {
    return SpoilCapture(
        call, own == nullptr ? theirs : *own, cudaErrorCapturedEvent,
        absl::StrCat(stream.name(), " waits for ", event.name, " of ",
                     NameOf(theirs), ", which is over"));
  }
  if (theirs.spoiled) return call.Fail(cudaErrorStreamCaptureInvalidated);
  if (own != nullptr && own != &theirs) {
    theirs.spoiled = true;
    return SpoilCapture(call, *own, cudaErrorStreamCaptureMerge,
                        absl::StrCat(NameOf(*own), " waits for ", event.name,
                                     " of ", NameOf(theirs)));
  }
  theirs.Join(stream, event.nodes);
  return cudaSuccess;
}

// The rules of cudaThreadExchangeStreamCaptureMode.
bool AllowedBesideCaptures(CudaCall& call) {
  const CudaThread& thread = ThisCudaThread();
  if (thread.capture_mode == cudaStreamCaptureModeRelaxed) return true;
  bool allowed = true;
  for (const auto& capture : call.device().captures) {
    const bool own = capture->thread == &thread;
    if (capture->ended || capture->mode == cudaStreamCaptureModeRelaxed) {
      continue;
    }
    if (!own && (thread.capture_mode != cudaStreamCaptureModeGlobal ||
                 capture->mode != cudaStreamCaptureModeGlobal)) {
      continue;
    }
    SpoilCapture(call, *capture, cudaErrorStreamCaptureUnsupported,
                 absl::StrCat("is forbidden during ", NameOf(*capture),
                              own ? "" : " by another thread", kSpoils));
    allowed = false;
  }
  return allowed;
}

}  // namespace parley::fakes
