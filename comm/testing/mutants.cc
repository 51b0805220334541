// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/testing/mutants.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "parley/base/status_macros.h"

namespace parley::testing {
namespace {

enum class Fault {
  kForgetsToWait,     // a handle is done at once
  kIgnoresStream,     // enqueues on a stream of its own
  kDropsLastTensor,   // of every list
  kIgnoresRoot,       // broadcasts from rank 0
  kSumsForMax,        // reduces with the wrong operation
  kDropsLastElement,  // of every tensor that is reduced
  kShiftsShards,      // gathers rank r's shard from rank r's left neighbour
  kForgetsAbort,      // Abort() does nothing
  kIgnoresTimeout,    // of a call
  kSplitForAll,       // a non-member gets a communicator too
  kRewordsFailures,   // and builds a status of its own for that
};

constexpr std::pair<const char*, Fault> kFaults[] = {
    {"forgets_to_wait", Fault::kForgetsToWait},
    {"ignores_stream", Fault::kIgnoresStream},
    {"drops_last_tensor", Fault::kDropsLastTensor},
    {"ignores_root", Fault::kIgnoresRoot},
    {"sums_for_max", Fault::kSumsForMax},
    {"drops_last_element", Fault::kDropsLastElement},
    {"shifts_shards", Fault::kShiftsShards},
    {"forgets_abort", Fault::kForgetsAbort},
    {"ignores_timeout", Fault::kIgnoresTimeout},
    {"split_for_all", Fault::kSplitForAll},
    {"rewords_failures", Fault::kRewordsFailures},
};

// What a handle tells, without what is not in its message.
class RewordedWork final : public WorkState {
 public:
  explicit RewordedWork(Work work) : work_(std::move(work)) {}

  void Ref() override { ++references_; }
  void Unref() override {
    if (--references_ == 0) delete this;
  }
  absl::Status Wait(Stream& stream) override { return work_.Wait(stream); }
  absl::Status WaitHost(absl::Duration timeout) override {
    const absl::Status status = work_.WaitHost(timeout);
    return absl::Status(status.code(), status.message());
  }
  bool IsDone() override { return work_.IsDone(); }

 private:
  Work work_;
  std::atomic<int> references_{1};
};

class Mutant final : public Communicator {
 public:
  Mutant(Fault fault, Communicator& real) : fault_(fault), real_(real) {
    own_stream_ = *real.device().CreateStream();
  }

  int rank() const override { return real_.rank(); }
  int size() const override { return real_.size(); }
  std::string ToString() const override { return real_.ToString(); }
  Device& device() override { return real_.device(); }
  Clock& clock() override { return real_.clock(); }

  absl::StatusOr<Work> AllToAll(TensorList send, TensorList recv,
                                Stream& stream,
                                const CallOptions& options) override {
    return Finish(
        real_.AllToAll(Cut(send), Cut(recv), On(stream), Bound(options)));
  }
  absl::StatusOr<Work> AllGather(TensorList send, TensorList recv,
                                 Stream& stream,
                                 const CallOptions& options) override {
    PARLEY_ASSIGN_OR_RETURN(
        Work work, Finish(real_.AllGather(Cut(send), Cut(recv), On(stream),
                                          Bound(options))));
    if (fault_ == Fault::kShiftsShards) {
      PARLEY_RETURN_IF_ERROR(work.WaitHost());
      for (const TensorView& tensor : recv) Rotate(tensor);
    }
    return work;
  }
  absl::StatusOr<Work> Broadcast(TensorList tensors, int root, Stream& stream,
                                 const CallOptions& options) override {
    const bool ignore = fault_ == Fault::kIgnoresRoot && root < size();
    return Finish(real_.Broadcast(Cut(tensors), ignore && root > 0 ? 0 : root,
                                  On(stream), Bound(options)));
  }
  absl::StatusOr<Work> AllReduce(TensorList send, TensorList recv, ReduceOp op,
                                 Stream& stream,
                                 const CallOptions& options) override {
    if (fault_ == Fault::kSumsForMax && op == ReduceOp::kMax) {
      op = ReduceOp::kMin;
    }
    if (fault_ == Fault::kDropsLastElement && !send.empty() &&
        send.size() == recv.size() && send[0].count() > 1 &&
        send[0].count() == recv[0].count() && send[0].IsDense()) {
      const int64_t count = send[0].count() - 1;
      return real_.AllReduce({send[0].Slice(0, count)},
                             {recv[0].Slice(0, count)}, op, stream, options);
    }
    return Finish(
        real_.AllReduce(Cut(send), Cut(recv), op, On(stream), Bound(options)));
  }
  absl::StatusOr<Work> Barrier(Stream& stream,
                               const CallOptions& options) override {
    return Finish(real_.Barrier(On(stream), Bound(options)));
  }
  absl::StatusOr<std::unique_ptr<Communicator>> Split(
      absl::Span<const int> members, const CallOptions& options) override {
    const int self = rank();
    if (fault_ == Fault::kSplitForAll && members.empty()) {
      return real_.Split({self}, options);
    }
    return real_.Split(members, options);
  }
  absl::StatusOr<std::unique_ptr<Communicator>> Shrink(
      absl::Span<const int> excluded, const CallOptions& options) override {
    return real_.Shrink(excluded, options);
  }
  void Abort(const absl::Status& reason) override {
    if (fault_ == Fault::kForgetsAbort) return;
    real_.Abort(reason);
    aborted_ = true;
  }

 private:
  absl::StatusOr<Work> Finish(absl::StatusOr<Work> work) {
    if (!work.ok()) return work;
    if (fault_ == Fault::kForgetsToWait) return Work();
    if (fault_ == Fault::kRewordsFailures) {
      return Work(new RewordedWork(*std::move(work)));
    }
    return work;
  }
  Stream& On(Stream& stream) {
    return fault_ == Fault::kIgnoresStream ? *own_stream_ : stream;
  }
  TensorList Cut(TensorList list) const {
    if (fault_ != Fault::kDropsLastTensor || list.size() < 2) return list;
    return list.first(list.size() - 1);
  }
  CallOptions Bound(const CallOptions& options) const {
    return fault_ == Fault::kIgnoresTimeout ? CallOptions() : options;
  }
  static void Rotate(const TensorView& tensor) {
    auto* begin = static_cast<unsigned char*>(tensor.data());
    if (tensor.count() > 1) {
      std::rotate(begin, begin + SizeOf(tensor.dtype()),
                  begin + tensor.bytes());
    }
  }

  const Fault fault_;
  Communicator& real_;
  std::unique_ptr<Stream> own_stream_;
};

}  // namespace

std::vector<std::string> CommunicatorMutantNames() {
  std::vector<std::string> names;
  for (const auto& [name, fault] : kFaults) names.push_back(name);
  return names;
}

std::unique_ptr<Communicator> MakeCommunicatorMutant(const std::string& name,
                                                     Communicator& real) {
  for (const auto& [known, fault] : kFaults) {
    if (name == known) return std::make_unique<Mutant>(fault, real);
  }
  std::fprintf(stderr, "no mutant is called %s\n", name.c_str());
  std::abort();
}

}  // namespace parley::testing
