// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_EXCHANGE_H_
#define PARLEY_AVERAGING_EXCHANGE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "parley/averaging/deadline.h"
#include "parley/averaging/exchange_lists.h"
#include "parley/averaging/outer/outer_state.h"
#include "parley/averaging/packer.h"
#include "parley/averaging/parameters.h"
#include "parley/averaging/plan.h"
#include "parley/averaging/route/route.h"
#include "parley/averaging/weights.h"
#include "parley/averaging/writer/copy_writer.h"
#include "parley/averaging/writer/outer_writer.h"
#include "parley/averaging/writer/writer.h"
#include "parley/comm/communicator.h"
#include "parley/device/device.h"

namespace parley {

// The one data path of a meeting, on every backend: it runs the plan's buckets,
// each by its route (averaging/route/route.h), as a pipeline.
//
//   exchange->Select(takes_part);
//   PARLEY_ASSIGN_OR_RETURN(Exchange::Result result,
//                           exchange->Run(weights, stream, deadline));
//
// Two buckets are under way at a time, each on a stream and with staging memory
// of its own. All ranks issue in one order, in which neighbours overlap:
//
//   front(0) front(1) back(0) front(2) back(1) front(3) back(2) ...
//
// where front is the route's IssueFront, and back is its IssueOperation and
// IssueResult, the copy into the tensors, and the fingerprint. The host runs
// ahead of the device by a bounded number of buckets, and at the end waits for
// a closing barrier: a rank that leaves knows that all ranks have all buckets.
//
// A tensor is written only from a complete result, so a bucket that fails is
// what it was, without a copy of it.
//
// Thread-safety: thread-compatible.
class Exchange {
 public:
  struct Options {
    bool fingerprint = true;

    // Where the plan was made with an outer optimizer: that one's state, which
    // must outlive the exchange.
    OuterState* outer = nullptr;
  };

  struct Result {
    int ranks = 0;  // of weight other than 0
    int64_t bytes_received = 0;
    uint64_t fingerprint = 0;  // of what was averaged; 0 if off
  };

  // Takes all the memory that meetings will need. `communicator` and `plan`,
  // which was made from `parameters` for its size, must outlive this.
  static absl::StatusOr<std::unique_ptr<Exchange>> Create(
      Communicator& communicator, const ParameterSet& parameters,
      const AveragingPlan& plan, const Options& options);

  // Which parameters take part in the meetings from now on, a flag for each; to
  // be called before the first. What shares a bucket with those that do travels
  // along, but is not written.
  void Select(absl::Span<const uint8_t> takes_part);

  // Collective: enqueues the meeting, behind the work on `after` if there is
  // one. `kind` and `weights` are the same on all ranks; weights, one per rank,
  // are finite, at least 0 and not all 0. The exchange reads and writes the
  // tensors until Finish() has returned. On error nothing is under way, as with
  // Finish().
  absl::Status Start(MeetingKind kind, absl::Span<const double> weights,
                     Stream* after, const Deadline& deadline);

  // Waits for what Start() has enqueued. On error, the communicator is aborted,
  // nothing is under way any more, the message tells how many buckets are
  // complete and complete() which; the others are what they were.
  absl::StatusOr<Result> Finish(const Deadline& deadline);

  // Start(), then Finish().
  absl::StatusOr<Result> Run(MeetingKind kind, absl::Span<const double> weights,
                             Stream* after, const Deadline& deadline);

  // After an error: a flag for each bucket of the plan, whether it is complete
  // on this rank.
  absl::Span<const uint8_t> complete() const { return lists_.complete; }

 private:
  // A bucket under way has one.
  struct Slot {
    uint64_t& fingerprint() { return *static_cast<uint64_t*>(sum.data()); }

    std::unique_ptr<Stream> stream;
    std::unique_ptr<Event> event;
    Allocation exchange;
    Allocation stage;
    Allocation sum;  // host-visible: the fingerprint of its buckets
  };

  Exchange(Communicator& communicator, const ParameterSet& parameters,
           const AveragingPlan& plan, const Options& options);

  absl::Status Allocate();
  absl::Status CreateSlot(Slot& slot);

  Slot& SlotOf(int b) { return slots_[lists_.slot[b]]; }
  TensorView ValuesOf(int b);
  TensorView ResultOf(int b);
  bool IsResultInTensor(const Bucket& bucket) const {
    return bucket.in_place && !bucket.outer_step &&
           bucket.route->WritesResult();
  }
  Writer& WriterOf(const Bucket& bucket) {
    if (bucket.outer_step) return *outer_writer_;
    return copy_writer_;
  }
  BucketRun RunOf(size_t position);

  absl::Status Issue(Stream* after, const Deadline& deadline);
  absl::Status IssueBack(size_t position, const Deadline& deadline);
  absl::Status IssueBarrier(const Deadline& deadline);
  absl::Status Abandon(const absl::Status& reason);

  Communicator& communicator_;
  Device& device_;
  const AveragingPlan& plan_;
  const Options options_;
  std::vector<Slot> slots_;
  std::unique_ptr<Event> begin_;
  Allocation zero_;                // plan_.zero_bytes() of zeros
  std::vector<uint8_t> selected_;  // by parameter
  Weights weights_;
  MeetingKind kind_ = MeetingKind::kStep;  // of the meeting that is under way
  ExchangeLists lists_;
  Packer packer_;
  CopyWriter copy_writer_;
  std::unique_ptr<OuterWriter>
      outer_writer_;  // null without an outer optimizer
  Work barrier_;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_EXCHANGE_H_
