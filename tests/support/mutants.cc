// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/support/mutants.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "parley/base/status_macros.h"
#include "parley/tests/support/mutant_device.h"

namespace parley::testing {
namespace {

constexpr std::pair<const char*, Fault> kFaults[] = {
    {"does_nothing", Fault::kDoesNothing},
    {"drops_last_bucket", Fault::kDropsLastBucket},
    {"counts_rank_0_twice", Fault::kCountsRankZeroTwice},
    {"sums_in_arrival_order", Fault::kSumsInArrivalOrder},
    {"rebinds_a_pointer", Fault::kRebindsAPointer},
    {"forgets_to_wait", Fault::kForgetsToWait},
    {"forgets_an_event", Fault::kForgetsAnEvent},
    {"drops_last_element", Fault::kDropsLastElement},
    {"sums_in_float32", Fault::kSumsInFloat32},
    {"writes_past_the_end", Fault::kWritesPastTheEnd},
    {"ignores_weights", Fault::kIgnoresWeights},
    {"ignores_root", Fault::kIgnoresRoot},
    {"moves_bytes_twice", Fault::kMovesBytesTwice},
    {"steps_twice", Fault::kStepsTwice},
};

class MutantCommunicator final : public Communicator {
 public:
  MutantCommunicator(Fault fault, Communicator& real)
      : fault_(fault), real_(real), device_(fault, real.device()) {}

  int rank() const override { return real_.rank(); }
  int size() const override { return real_.size(); }
  std::string ToString() const override { return real_.ToString(); }
  Device& device() override { return device_; }
  Clock& clock() override { return real_.clock(); }

  absl::StatusOr<Work> AllToAll(TensorList send, TensorList recv,
                                Stream& stream,
                                const CallOptions& options) override {
    std::vector<TensorView> translated;
    for (const TensorView& view : send) {
      translated.push_back(device_.Translate(view));
    }
    if (fault_ == Fault::kMovesBytesTwice) {
      PARLEY_RETURN_IF_ERROR(
          Mirror(real_.AllToAll(translated, recv, MutantDevice::Real(stream),
                                options))
              .status());
    }
    return Mirror(
        real_.AllToAll(translated, recv, MutantDevice::Real(stream), options));
  }
  absl::StatusOr<Work> AllGather(TensorList send, TensorList recv,
                                 Stream& stream,
                                 const CallOptions& options) override {
    return Mirror(
        real_.AllGather(send, recv, MutantDevice::Real(stream), options));
  }
  absl::StatusOr<Work> Broadcast(TensorList tensors, int root, Stream& stream,
                                 const CallOptions& options) override {
    if (fault_ == Fault::kIgnoresRoot) root = size() - 1;
    return Mirror(
        real_.Broadcast(tensors, root, MutantDevice::Real(stream), options));
  }
  absl::StatusOr<Work> AllReduce(TensorList send, TensorList recv, ReduceOp op,
                                 Stream& stream,
                                 const CallOptions& options) override {
    return Mirror(
        real_.AllReduce(send, recv, op, MutantDevice::Real(stream), options));
  }
  // In a meeting, what closes it.
  absl::StatusOr<Work> Barrier(Stream& stream,
                               const CallOptions& options) override {
    if (fault_ == Fault::kRebindsAPointer) {
      PARLEY_RETURN_IF_ERROR(device_.Rebind(stream));
    }
    auto work = Mirror(real_.Barrier(MutantDevice::Real(stream), options));
    if (fault_ != Fault::kForgetsToWait || !work.ok()) return work;
    forgotten_.push_back(*std::move(work));
    return Work();
  }
  absl::StatusOr<std::unique_ptr<Communicator>> Split(
      absl::Span<const int> members, const CallOptions& options) override {
    return real_.Split(members, options);
  }
  absl::StatusOr<std::unique_ptr<Communicator>> Shrink(
      absl::Span<const int> excluded, const CallOptions& options) override {
    return real_.Shrink(excluded, options);
  }
  void Abort(const absl::Status& reason) override {
    real_.Abort(reason);
    aborted_ = true;
  }

  MutantDevice& mutant_device() { return device_; }

  void Settle() {
    for (Work& work : forgotten_) work.WaitHost().IgnoreError();
    forgotten_.clear();
  }

 private:
  absl::StatusOr<Work> Mirror(absl::StatusOr<Work> work) {
    aborted_ = real_.aborted();
    return work;
  }

  const Fault fault_;
  Communicator& real_;
  MutantDevice device_;
  std::vector<Work> forgotten_;
};

class MutantImpl final : public Mutant {
 public:
  MutantImpl(Fault fault, Communicator& real) : communicator_(fault, real) {}

  Communicator& communicator() override { return communicator_; }
  void SetPlan(const AveragingPlan& plan) override {
    communicator_.mutant_device().SetPlan(plan);
  }
  void Settle() override { communicator_.Settle(); }

 private:
  MutantCommunicator communicator_;
};

}  // namespace

std::vector<std::string> AveragerMutantNames() {
  std::vector<std::string> names;
  for (const auto& [name, fault] : kFaults) names.push_back(name);
  return names;
}

std::unique_ptr<Mutant> MakeAveragerMutant(const std::string& name,
                                           Communicator& real) {
  if (name == kHarmless) {
    return std::make_unique<MutantImpl>(Fault::kNone, real);
  }
  for (const auto& [known, fault] : kFaults) {
    if (name == known) return std::make_unique<MutantImpl>(fault, real);
  }
  std::fprintf(stderr, "no mutant is called %s\n", name.c_str());
  std::abort();
}

}  // namespace parley::testing
