// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_ROUTE_ROUTE_H_
#define PARLEY_AVERAGING_ROUTE_ROUTE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "parley/averaging/bucket.h"
#include "parley/averaging/deadline.h"
#include "parley/averaging/packer.h"
#include "parley/averaging/weights.h"
#include "parley/comm/communicator.h"
#include "parley/comm/work.h"
#include "parley/device/device.h"

namespace parley {

// The memory that a route needs for one bucket. Both areas are device memory of
// a slot, which one bucket at a time has.
//
// Thread-safety: a value.
struct Footprint {
  int64_t exchange_bytes = 0;  // the area in which the result ends up
  int64_t stage_bytes = 0;     // the other one
  // Host memory for what kernels read of their argument structs: lists of
  // pointers and the like.
  int64_t argument_bytes = 0;
};

// What the exchange lends to a route for one bucket, from the bucket's first
// kernel to its last. Nothing in it may be kept.
//
// Thread-safety: thread-compatible.
struct BucketRun {
  const Bucket& bucket;

  // What this rank brings: the tensor itself, or what Pack() fills.
  TensorView values;

  // Where the result is wanted. The exchange area, but for a route that writes
  // its result in a kernel of its own (Route::WritesResult()): then the tensor
  // itself where the bucket lies in it.
  TensorView result;

  void* exchange;    // Footprint::exchange_bytes
  void* stage;       // Footprint::stage_bytes
  void* arguments;   // Footprint::argument_bytes, aligned for anything
  const void* zero;  // eight bytes of zeros that the device can read

  const Weights& weights;
  Communicator& communicator;
  Device& device;
  Stream& stream;

  // Enqueues the packing of this rank's pieces, and of zeros behind them, into
  // `values`; nothing where `values` is the tensor itself.
  absl::Status Pack() const { return packer.Issue(index, stream); }
  const Packer& packer;
  int index;  // of the bucket in the plan
};

// What one kind of bucket does in a meeting: the way from every rank's values
// to the result that all have. The exchange (averaging/exchange.h) runs the
// buckets of a meeting through their routes, and knows nothing of what they do.
// docs/extending.md says what a new route needs.
//
// For each bucket the exchange calls, on one stream,
//
//   IssueFront      pack, and all that comes before the last operation
//   IssueOperation  the last operation
//   IssueResult     what is left to do to have the result where it is wanted
//
// in this order, with calls for other buckets in between. Each of them enqueues
// and returns; none may wait on the host. All ranks issue the same operations
// in the same order.
//
// Requires: whatever rank has a result has it only if the last operation
// succeeded, and the tensors of the caller are not written before that, so that
// a bucket that fails is what it was.
//
// Thread-safety: immutable; all methods may be called by any thread.
class Route {
 public:
  virtual ~Route() = default;

  // For AveragingPlan::ToString() and its fingerprint: "reproducible_mean".
  virtual absl::string_view name() const = 0;

  virtual Footprint Needs(const Bucket& bucket, int ranks) const = 0;

  // Bytes that `rank` receives from other ranks.
  virtual int64_t BytesReceived(const Bucket& bucket, int ranks,
                                int rank) const = 0;

  // Whether a large tensor may be exchanged where it lies.
  virtual bool AllowsInPlace() const = 0;

  // Whether pieces are packed into the exchange area, not into `stage`.
  virtual bool PacksIntoExchange() const = 0;

  // Whether IssueResult() writes the result.
  virtual bool WritesResult() const = 0;

  virtual absl::Status IssueFront(const BucketRun& run,
                                  const Deadline& deadline) const = 0;
  virtual absl::StatusOr<Work> IssueOperation(
      const BucketRun& run, const Deadline& deadline) const = 0;
  virtual absl::Status IssueResult(const BucketRun& run) const = 0;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_ROUTE_ROUTE_H_
