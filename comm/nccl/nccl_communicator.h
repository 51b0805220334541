// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// NcclCommunicator: a Communicator between GPUs, over NCCL.
//
//   PARLEY_ASSIGN_OR_RETURN(const NcclApi* nccl, LoadNcclApi());
//   PARLEY_ASSIGN_OR_RETURN(
//       std::unique_ptr<NcclCommunicator> comm,
//       NcclCommunicator::Create({.nccl = nccl, .device = device.get(),
//                                 .store = &store, .rank = 3, .size = 8}));
//
// Create() is called by all ranks and blocks until all have come, all memory is
// taken and all peers are connected. Its first operation, Connect, is number 0
// of every communicator, so the user's first is number 1.
//
// Streams must be CudaStreams of the device. A collective returns when NCCL has
// put it on the stream; what it waits for there is the stream's business.
//
// Graphs. An operation on a stream that is being captured becomes part of the
// graph: it is in no order with operations that are not captured, nobody
// watches it, and its Work can order streams of the same capture, no more. All
// ranks must capture the same calls, and launch the graphs of the same calls in
// the same place among the others. So a launch whose peer is gone waits until
// somebody calls Abort(), or another operation fails: give the wait for it a
// timeout. When the communicator then fails, each stream on which operations of
// it were captured fails with it: nothing that is queued there runs any more,
// in launches of graphs or behind them, a kernel that runs may stop half-way,
// and the stream's WaitHost() tells why. Launched elsewhere, a graph runs on,
// with whatever bytes it has; and so do kernels that were captured on another
// stream.
//
// NCCL ends a communicator only when all graphs that contain its operations are
// destroyed. Destroy them before the communicator and before Shrink(); and
// after Abort(), or a failure, within the abort timeout: a launch that is under
// way does not mind.
// Where that is forgotten the communicator is wedged: contract, items 7 and 8.
//
// Which code tells of which fault is in nccl_status.h.
//
// The abort contract. No thread waits without a bound. Waits in this package
// name the item that bounds them.
//
//  1. A collective's caller waits until the owner thread has enqueued it: [2].
//  2. The owner waits while NCCL is at work on a call (ncclInProgress): for the
//     timeout of the operation, from its call on.
//  3. An operation may take its timeout from when it was seen to have started
//     on its stream: what is queued before it does not count.
//  4. An operation that has not started, because of what is before it on its
//     stream, may wait for ten times its timeout, from its call on.
//  5. When an operation is not complete in time, or a peer is gone, this rank
//     writes how far it is into the store and reads the same of the others, for
//     one and a half progress intervals: those that did not answer, or are not
//     as far, are named as not having arrived. While operations are under way
//     for longer than a progress interval, each rank looks once per interval
//     whether a peer has left, aborted or failed.
//  6. A communicator that fails or is aborted is ended by ncclCommAbort on a
//     thread of its own, for which the owner waits for the abort timeout. Until
//     then its operations have not failed: whoever waits for them goes on
//     waiting, since kernels may still write their buffers.
//  7. If ncclCommAbort does not return by then, the communicator is wedged. Its
//     operations fail with a status that says so; the memory, events and
//     threads that it uses are never given back; Shrink is refused. The buffers
//     of its operations must not be freed: the process must exit.
//  8. Destroying a communicator waits for ncclCommFinalize, and for the
//     operations under way, for the abort timeout; then it is aborted: [6].
//  9. Whoever waits for the owner looks whether it hangs in one call of NCCL,
//     CUDA or the store, for longer than the abort timeout. Seen twice, an
//     abort timeout apart, the whole family of communicators counts as wedged.
// 10. Create, Split and Shrink take up to their timeout to come together, and
//     up to another for Connect.
// 11. Abort() waits for nothing. What it ends has ended when its Work says so:
//     [6].
//
// Thread-safety: as Communicator.
#ifndef PARLEY_COMM_NCCL_NCCL_COMMUNICATOR_H_
#define PARLEY_COMM_NCCL_NCCL_COMMUNICATOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "parley/base/clock.h"
#include "parley/comm/communicator.h"
#include "parley/comm/nccl/flight_dump.h"
#include "parley/comm/nccl/group.h"
#include "parley/comm/nccl/nccl_api.h"
#include "parley/comm/store/store.h"
#include "parley/device/cuda/cuda_device.h"

namespace parley {

struct NcclOptions {
  // Must outlive the communicator, all that are made from it, and their Works.
  const NcclApi* nccl = nullptr;
  CudaDevice* device = nullptr;
  Store* store = nullptr;  // may be null for one rank
  Clock* clock = &SteadyClock();

  int rank = 0;
  int size = 1;

  // Together they name what this communicator keeps in the store; a job that
  // starts again over the same store has another incarnation.
  std::string name = "world";
  int64_t incarnation = 0;

  // Of operations, and of Create.
  absl::Duration timeout = absl::Minutes(10);

  // What ncclCommAbort and ncclCommFinalize may take.
  absl::Duration abort_timeout = absl::Seconds(30);

  // How often ranks that wait tell and ask the store about each other.
  absl::Duration progress_interval = absl::Seconds(1);

  // Operations that the flight recorder remembers, and the file that it writes
  // when a communicator fails; none if empty.
  int recorded_operations = 1024;
  std::string flight_recorder_path = "";
};

class NcclCommunicator final : public Communicator {
 public:
  static absl::StatusOr<std::unique_ptr<NcclCommunicator>> Create(
      const NcclOptions& options);
  ~NcclCommunicator() override;

  int rank() const override { return group_->rank; }
  int size() const override { return group_->size; }
  std::string ToString() const override;  // "nccl 2.28.9"
  Device& device() override { return cuda_device(); }
  Clock& clock() override { return family().clock(); }

  absl::StatusOr<Work> AllToAll(TensorList send, TensorList recv,
                                Stream& stream,
                                const CallOptions& options = {}) override;
  absl::StatusOr<Work> AllGather(TensorList send, TensorList recv,
                                 Stream& stream,
                                 const CallOptions& options = {}) override;
  absl::StatusOr<Work> Broadcast(TensorList tensors, int root, Stream& stream,
                                 const CallOptions& options = {}) override;
  absl::StatusOr<Work> AllReduce(TensorList send, TensorList recv, ReduceOp op,
                                 Stream& stream,
                                 const CallOptions& options = {}) override;
  absl::StatusOr<Work> Barrier(Stream& stream,
                               const CallOptions& options = {}) override;

  absl::StatusOr<std::unique_ptr<Communicator>> Split(
      absl::Span<const int> members, const CallOptions& options = {}) override;

  // Without an abort where all survivors have NCCL 2.27, and the communicator
  // has not failed on any of them and none of its operations was captured;
  // operations that are under way then fail. Otherwise a new communicator is
  // made through the store.
  absl::StatusOr<std::unique_ptr<Communicator>> Shrink(
      absl::Span<const int> excluded, const CallOptions& options = {}) override;

  void Abort(const absl::Status& reason) override;

  // Whether the process must exit: contract, items 7 and 9.
  bool wedged() const { return group_->wedged || group_->family->owner.hung(); }

  // What the flight recorder holds, of all communicators of the family.
  FlightDump Recorded(absl::string_view reason);

 private:
  explicit NcclCommunicator(std::shared_ptr<nccl::Group> group);

  nccl::Family& family() const { return *group_->family; }
  CudaDevice& cuda_device() const { return *family().settings.device; }

  absl::Status CheckUsable(nccl::OpKind kind) const;
  absl::StatusOr<nccl::Operation*> NewOperation(nccl::OpKind kind,
                                                const CallOptions& options);
  Work Post(nccl::Operation* operation, CudaStream& stream);
  int64_t TimeoutNs(const CallOptions& options) const;
  int64_t DeadlineOf(const CallOptions& options) const;

  // The first operation, and the wait for it.
  absl::Status Connect(const CallOptions& options);

  // The same, with lost ranks in the numbers of the communicator whose Split or
  // Shrink makes this one.
  absl::Status ConnectForParent(const CallOptions& options);

  // Everybody's word, by rank.
  absl::StatusOr<std::vector<int64_t>> Exchange(int64_t word,
                                                const CallOptions& options);
  absl::Status AgreeOnMembers(absl::Span<const int> members,
                              const CallOptions& options);

  const std::shared_ptr<nccl::Group> group_;
};

}  // namespace parley

#endif  // PARLEY_COMM_NCCL_NCCL_COMMUNICATOR_H_
