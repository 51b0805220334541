// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Communicator: how a group of ranks exchanges tensors. The one interface that
// everything above is written against; the simulator, Gloo and NCCL implement
// it, and comm/testing/conformance.h is the suite that each must pass.
//
//   PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
//   PARLEY_ASSIGN_OR_RETURN(
//       Work work, comm.AllReduce({gradient}, {gradient}, ReduceOp::kSum,
//                                 *stream));
//   PARLEY_RETURN_IF_ERROR(work.WaitHost());
//
// Collectives. Every member calls the same operations in the same order, with
// the same dtypes and counts. Each takes lists of dense tensors of the
// communicator's device and handles the list as if called for each entry in
// turn. Lists may be empty, tensors may have no elements.
//
// Asynchrony. A call enqueues on `stream` and returns. The returned Status
// covers the arguments (kInvalidArgument, with the value) and an already
// aborted communicator (kFailedPrecondition), nothing else; remote failures
// come from Work::WaitHost or Stream::WaitHost. The lists are copied; the
// buffers belong to the operation until it completes. Operations of one
// communicator run in the order of the calls, whatever their streams.
//
// Failure. If a member dies, leaves or aborts, the operations that need it end
// with kUnavailable naming it; if it does not come within the timeout, with
// kDeadlineExceeded naming those who had not arrived. LostRanks(status)
// (comm/lost_ranks.h) lists whom it is about. Where arguments differ
// between ranks and the backend checks, all get kInvalidArgument naming the
// first field that differs. After a failure outputs are unspecified, the
// communicator counts as aborted, and only Shrink(), Abort() and destruction
// are allowed. Work behind a failed operation on its stream does not run.
//
// Thread-safety: calls on one communicator are serialised by the caller, from
// any thread. Abort() and aborted() may be called by any thread at any time.
#ifndef PARLEY_COMM_COMMUNICATOR_H_
#define PARLEY_COMM_COMMUNICATOR_H_

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "parley/base/clock.h"
#include "parley/comm/work.h"
#include "parley/device/device.h"

namespace parley {

using TensorList = absl::Span<const TensorView>;

struct CallOptions {
  // How long the operation may take from the call on, in the communicator's
  // clock. Zero means the communicator's default.
  absl::Duration timeout = absl::ZeroDuration();
};

class Communicator {
 public:
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  // This rank's place in the group, 0 <= rank() < size().
  virtual int rank() const = 0;
  virtual int size() const = 0;

  // Who the backend is, for reports: "sim", "gloo", "nccl 2.28.9".
  virtual std::string ToString() const = 0;

  // The device whose tensors this communicator exchanges, and its time.
  virtual Device& device() = 0;
  virtual Clock& clock() = 0;

  // Sends shard p of each `send[i]` (comm/shard.h) to rank p. Rank p's piece of
  // this rank's shard arrives at recv[i][p * s ... (p + 1) * s), where s is the
  // length of this rank's shard; so recv[i] has size() * s elements. Must not
  // be in place.
  virtual absl::StatusOr<Work> AllToAll(TensorList send, TensorList recv,
                                        Stream& stream,
                                        const CallOptions& options = {}) = 0;

  // Collects everyone's shard: `send[i]` is this rank's shard of `recv[i]`
  // (comm/shard.h), at its place or elsewhere.
  virtual absl::StatusOr<Work> AllGather(TensorList send, TensorList recv,
                                         Stream& stream,
                                         const CallOptions& options = {}) = 0;

  // Copies rank `root`'s tensors to all others.
  virtual absl::StatusOr<Work> Broadcast(TensorList tensors, int root,
                                         Stream& stream,
                                         const CallOptions& options = {}) = 0;

  // recv[i] = reduction of all ranks' send[i], in the backend's own way: ranks
  // get equal bits, but which bits may depend on the backend, the size and the
  // number of ranks. In place where send[i] and recv[i] are the same tensor.
  virtual absl::StatusOr<Work> AllReduce(TensorList send, TensorList recv,
                                         ReduceOp op, Stream& stream,
                                         const CallOptions& options = {}) = 0;

  // Completes when all members have arrived.
  virtual absl::StatusOr<Work> Barrier(Stream& stream,
                                       const CallOptions& options = {}) = 0;

  // Makes sub-communicators; all members call it, and it blocks. `members` is
  // the caller's group: ranks of this communicator, ascending, the caller among
  // them; each of them must pass the same list. A caller with an empty list
  // belongs to no group and gets null.
  virtual absl::StatusOr<std::unique_ptr<Communicator>> Split(
      absl::Span<const int> members, const CallOptions& options = {}) = 0;

  // Makes a communicator of all members but `excluded` (ascending, not the
  // caller), keeping their order; called by exactly those, and it blocks. The
  // one operation that works after a failure.
  virtual absl::StatusOr<std::unique_ptr<Communicator>> Shrink(
      absl::Span<const int> excluded, const CallOptions& options = {}) = 0;

  // Ends all operations of this rank in bounded time; they and later calls fail
  // and tell `reason`, which must be an error, and whom it lists as lost. The
  // first reason stands. Communicators split from this one are aborted too.
  virtual void Abort(const absl::Status& reason) = 0;

  // Whether this communicator failed or was aborted. One relaxed load.
  bool aborted() const { return aborted_.load(std::memory_order_relaxed); }

 protected:
  Communicator() = default;

  std::atomic<bool> aborted_{false};
};

}  // namespace parley

#endif  // PARLEY_COMM_COMMUNICATOR_H_
