// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Exchange: the one data path of a meeting, on every backend. For each bucket
// of the plan, with one shard per rank (comm/shard.h):
//
//   tensor, or pieces packed into `stage`
//     | AllToAll: everyone's pieces of my shard
//   `exchange`
//     | Mean over ranks, in rank order
//   `stage`: my shard of the mean
//     | AllGather: everyone's shards
//   `exchange`: the whole mean
//     | Copy, Fingerprint
//   tensor, or pieces
//
// With Reduction::kNative the backend forms the sum of what is averaged, and
// the division is a part of the kernel on one of its sides:
//
//   tensor, or pieces packed
//     | Mean of one: copied, or multiplied by the rank's weight and divided
//   `exchange`
//     | AllReduce in place
//   `exchange`: the sum
//     | Mean of one: divided, or copied; Fingerprint
//   tensor, or pieces
//
// A tensor is written only from a complete result, so a bucket that fails is
// what it was, without a copy of it. Two buckets are under way at a time, each
// on a stream and with staging memory of its own; the host runs ahead of them
// by a bounded number of buckets and waits for the end of the last one, behind
// a closing barrier: who leaves knows that all ranks have all buckets.
//
//   exchange->Select(takes_part);
//   PARLEY_ASSIGN_OR_RETURN(Exchange::Result result,
//                           exchange->Run(weights, stream, deadline));
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_AVERAGING_EXCHANGE_H_
#define PARLEY_AVERAGING_EXCHANGE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "parley/averaging/deadline.h"
#include "parley/averaging/parameters.h"
#include "parley/averaging/plan.h"
#include "parley/comm/communicator.h"
#include "parley/comm/shard.h"
#include "parley/comm/work.h"
#include "parley/device/device.h"

namespace parley {

// How floating-point means are formed.
enum class DataPath : uint8_t {
  kExchange = 0,
  // By Communicator::FusedMean(), bit-equal and in one pass over memory that
  // all ranks share; refused where the communicator has none. A bucket that
  // fails in place is then lost.
  kFused = 1,
};

class Exchange {
 public:
  struct Options {
    DataPath data_path = DataPath::kExchange;
    bool fingerprint = true;
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

  // Collective: holds the meeting and returns when it is complete. `weights`,
  // one per rank, are finite, at least 0, not all 0 and the same on all ranks.
  // Begins behind the work on `after`, if there is one. On error, the
  // communicator is aborted, nothing is under way any more, and the message
  // tells how many buckets are complete; the others are what they were.
  absl::StatusOr<Result> Run(absl::Span<const double> weights, Stream* after,
                             const Deadline& deadline);

 private:
  // A bucket under way has one.
  struct Slot {
    uint64_t& fingerprint() { return *static_cast<uint64_t*>(sum.data()); }

    std::unique_ptr<Stream> stream;
    std::unique_ptr<Event> event;
    Allocation exchange;
    Allocation stage;
    Allocation sum;    // host-visible: the fingerprint of its buckets
    void* outputs[1];  // `stage`
  };

  // What kernels beside a native sum read, by bucket.
  struct NativeSum {
    void* values[1];     // where those of the bucket are: the tensor, or `sum`
    void* sum[1];        // `exchange`
    TensorCopy nothing;  // to `sum`, what a rank of weight 0 adds
  };

  Exchange(Communicator& communicator, const ParameterSet& parameters,
           const AveragingPlan& plan, const Options& options);

  absl::Status Allocate();
  absl::Status CreateSlot(Slot& slot);

  Slot& SlotOf(int b) { return slots_[slot_[b]]; }
  ShardRange MyShard(const Bucket& bucket) const {
    return ShardOf(bucket.count, communicator_.size(), communicator_.rank());
  }
  bool UsesFusedMean(const Bucket& bucket) const;
  bool DividesFirst(DType dtype) const;
  TensorView PackArea(int b);
  TensorView ResultArea(int b);

  void SetNative(int b, const TensorView& sum);
  void SetWeights(absl::Span<const double> weights);
  absl::Status Issue(Stream* after, const Deadline& deadline);
  absl::Status IssueFront(int b, size_t place, const Deadline& deadline);
  absl::Status IssueMean(DType dtype, int64_t shard, size_t place, Slot& slot);
  absl::Status IssueNativeFront(int b);
  absl::StatusOr<Work> IssueOperation(int b, const Deadline& deadline);
  absl::Status IssueBack(int b, const Deadline& deadline);
  absl::Status IssueNativeBack(int b);
  absl::Status Close(const Deadline& deadline);
  absl::Status Abandon(const absl::Status& reason);

  Communicator& communicator_;
  Device& device_;
  const ParameterSet& parameters_;
  const AveragingPlan& plan_;
  const Options options_;
  std::vector<Slot> slots_;
  std::unique_ptr<Event> begin_;

  // By piece of the plan. The first taking_part_[b] of bucket b's pieces in
  // unpack_ and prints_ are those that take part.
  std::vector<TensorCopy> pack_;
  std::vector<TensorCopy> unpack_;
  std::vector<FingerprintPiece> prints_;
  std::vector<uint8_t> selected_;  // by parameter
  std::vector<int> taking_part_;   // by bucket
  std::vector<int> active_;        // buckets of which any piece takes part
  std::vector<uint8_t> slot_;      // by bucket: its neighbours have the other
  std::vector<Work> works_;        // the last operation of each active bucket
  std::vector<NativeSum> native_;  // by bucket; none if there is nothing native
  Allocation zero_;                // of any dtype

  // Of the ranks that count, in order; the weights of all, 1 where they are
  // equal; whether they are.
  std::vector<int> ranks_;
  std::vector<double> weights_;
  std::vector<double> all_weights_;
  bool weighted_ = false;
  double divisor_ = 0;  // the sum of the weights of all

  // What the kernels read: a list of pointers for each bucket that the host may
  // be ahead by.
  std::vector<const void*> inputs_;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_EXCHANGE_H_
