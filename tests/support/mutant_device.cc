// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/support/mutant_device.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "parley/base/status_macros.h"
#include "parley/device/cpu/host_stream.h"

namespace parley::testing {
namespace {

class MutantStream final : public Stream {
 public:
  MutantStream(Fault fault, Device& device, std::unique_ptr<Stream> real)
      : fault_(fault), device_(device), real_(std::move(real)) {}

  Stream& real() { return *real_; }

  Device& device() override { return device_; }
  void Record(Event& event) override { real_->Record(event); }
  void Wait(Event& event) override {
    if (fault_ != Fault::kForgetsAnEvent) real_->Wait(event);
  }
  absl::Status WaitHost(absl::Duration timeout) override {
    return real_->WaitHost(timeout);
  }

 private:
  const Fault fault_;
  Device& device_;
  std::unique_ptr<Stream> real_;
};

// How many means were launched so far: what happens to come first.
int NextArrival() {
  static std::atomic<int> arrivals{0};
  return arrivals.fetch_add(1);
}

void MeanInFloat32(const MeanArgs& args) {
  auto* output = static_cast<float*>(args.outputs[0]);
  for (int64_t i = 0; i < args.count; ++i) {
    float sum = 0;
    for (int r = 0; r < args.num_inputs; ++r) {
      sum += static_cast<const float*>(args.inputs[r])[i];
    }
    output[i] = sum / static_cast<float>(args.num_inputs);
  }
}

char* EndOf(const TensorView& view) {
  int64_t last = 0;
  for (size_t d = 0; d < view.shape().size(); ++d) {
    last += (view.shape()[d] - 1) * view.strides()[d];
  }
  return static_cast<char*>(view.data()) + (last + 1) * SizeOf(view.dtype());
}

}  // namespace

Stream& MutantDevice::Real(Stream& stream) {
  auto* mutant = dynamic_cast<MutantStream*>(&stream);
  return mutant == nullptr ? stream : mutant->real();
}

absl::StatusOr<std::unique_ptr<Stream>> MutantDevice::CreateStream() {
  PARLEY_ASSIGN_OR_RETURN(auto stream, real_.CreateStream());
  return std::make_unique<MutantStream>(fault_, *this, std::move(stream));
}

void MutantDevice::SetPlan(const AveragingPlan& plan) {
  pieces_.assign(plan.pieces().begin(), plan.pieces().end());
  targets_.clear();
  last_targets_.clear();
  for (const Piece& piece : pieces_) targets_.insert(piece.view.data());
  if (plan.buckets().empty()) return;
  const Bucket& last = plan.buckets().back();
  for (const Piece& piece :
       plan.pieces().subspan(last.first_piece, last.num_pieces)) {
    last_targets_.insert(piece.view.data());
  }
}

bool MutantDevice::IsTarget(const TensorCopy& copy) const {
  return targets_.count(copy.to.data()) > 0;
}

bool MutantDevice::IsLastTarget(const TensorCopy& copy) const {
  return last_targets_.count(copy.to.data()) > 0;
}

absl::Status MutantDevice::Rebind(Stream& stream) {
  if (rebound_) return absl::OkStatus();
  std::vector<TensorCopy>& copies = copies_.emplace_back();
  for (const Piece& piece : pieces_) {
    std::vector<char>& shadow = shadows_[piece.view.data()];
    shadow.resize(static_cast<size_t>(piece.view.bytes()));
    copies.push_back(
        {piece.view, {shadow.data(), piece.view.dtype(), piece.view.count()}});
  }
  rebound_ = true;
  return real_.Copy({copies.data(), static_cast<int64_t>(copies.size())},
                    Real(stream));
}

TensorView MutantDevice::Translate(const TensorView& view) const {
  const auto shadow = shadows_.find(view.data());
  if (!rebound_ || shadow == shadows_.end()) return view;
  return {const_cast<char*>(shadow->second.data()), view.dtype(), view.count()};
}

CopyArgs MutantDevice::Translate(const CopyArgs& args) {
  std::vector<TensorCopy>& copies = copies_.emplace_back();
  for (int64_t i = 0; i < args.num_copies; ++i) {
    copies.push_back(
        {Translate(args.copies[i].from), Translate(args.copies[i].to)});
  }
  return {copies.data(), args.num_copies};
}

absl::Status MutantDevice::WritePastTheEnd(const TensorView& to,
                                           Stream& stream) {
  static char junk[] = {'!'};
  copies_.push_back(
      {{{junk, DType::kUInt8, 1}, {EndOf(to), DType::kUInt8, 1}}});
  return real_.Copy({copies_.back().data(), 1}, Real(stream));
}

absl::Status MutantDevice::Copy(const CopyArgs& args, Stream& stream) {
  if (args.num_copies == 0) return real_.Copy(args, Real(stream));
  const TensorCopy& first = args.copies[0];
  switch (fault_) {
    case Fault::kDoesNothing:
      if (IsTarget(first)) return absl::OkStatus();
      break;
    case Fault::kDropsLastBucket:
      if (IsLastTarget(first)) return absl::OkStatus();
      break;
    case Fault::kRebindsAPointer:
      if (rebound_) return real_.Copy(Translate(args), Real(stream));
      break;
    case Fault::kWritesPastTheEnd:
      PARLEY_RETURN_IF_ERROR(real_.Copy(args, Real(stream)));
      return IsTarget(first) ? WritePastTheEnd(first.to, stream)
                             : absl::OkStatus();
    default:
      break;
  }
  return real_.Copy(args, Real(stream));
}

MutantDevice::Inputs& MutantDevice::CopyInputs(const MeanArgs& args) {
  Inputs& inputs = inputs_.emplace_back();
  inputs.pointers.assign(args.inputs, args.inputs + args.num_inputs);
  if (args.weights != nullptr) {
    inputs.weights.assign(args.weights, args.weights + args.num_inputs);
  }
  return inputs;
}

absl::Status MutantDevice::Mean(const MeanArgs& args, Stream& stream) {
  MeanArgs broken = args;
  Inputs& inputs = CopyInputs(args);
  switch (fault_) {
    case Fault::kCountsRankZeroTwice:
      inputs.pointers.push_back(inputs.pointers[0]);
      if (!inputs.weights.empty()) inputs.weights.push_back(inputs.weights[0]);
      break;
    case Fault::kSumsInArrivalOrder: {
      const int first = NextArrival() % args.num_inputs;
      std::rotate(inputs.pointers.begin(), inputs.pointers.begin() + first,
                  inputs.pointers.end());
      if (inputs.weights.empty()) break;
      std::rotate(inputs.weights.begin(), inputs.weights.begin() + first,
                  inputs.weights.end());
      break;
    }
    case Fault::kDropsLastElement:
      --broken.count;
      break;
    case Fault::kIgnoresWeights:
      inputs.weights.clear();
      break;
    default:
      break;
  }
  broken.num_inputs = static_cast<int>(inputs.pointers.size());
  broken.inputs = inputs.pointers.data();
  broken.weights = inputs.weights.empty() ? nullptr : inputs.weights.data();
  if (fault_ == Fault::kSumsInFloat32 && args.dtype == DType::kFloat32 &&
      args.weights == nullptr) {
    static_cast<HostStream&>(Real(stream))
        .Enqueue(HostTask([broken] { MeanInFloat32(broken); }, 0));
    return absl::OkStatus();
  }
  return real_.Mean(broken, Real(stream));
}

absl::Status MutantDevice::Elementwise(const ElementwiseArgs& args,
                                       Stream& stream) {
  const bool steps =
      args.op == ElementwiseOp::kNesterov || args.op == ElementwiseOp::kReset;
  if (steps && fault_ == Fault::kDoesNothing) return absl::OkStatus();
  if (args.op == ElementwiseOp::kNesterov && fault_ == Fault::kStepsTwice) {
    PARLEY_RETURN_IF_ERROR(real_.Elementwise(args, Real(stream)));
  }
  return real_.Elementwise(args, Real(stream));
}

}  // namespace parley::testing
