// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/host_collectives.h"

#include <cassert>
#include <cstddef>
#include <cstring>

#include "absl/time/time.h"
#include "parley/averaging/annotate.h"
#include "parley/base/status_macros.h"

namespace parley {

absl::StatusOr<std::unique_ptr<HostCollectives>> HostCollectives::Create(
    Communicator& communicator) {
  auto hosts =
      std::unique_ptr<HostCollectives>(new HostCollectives(communicator));
  PARLEY_ASSIGN_OR_RETURN(hosts->stream_, communicator.device().CreateStream());
  PARLEY_ASSIGN_OR_RETURN(hosts->broadcast_, hosts->Allocate(kBroadcastBytes));
  return hosts;
}

absl::StatusOr<Allocation> HostCollectives::Allocate(int64_t bytes) const {
  return Allocation::Create(communicator_.device().host_visible_allocator(),
                            bytes);
}

absl::Status HostCollectives::AllGather(void* all, int64_t bytes_each,
                                        const Deadline& deadline) {
  const TensorView recv(all, DType::kUInt8, bytes_each * size(),
                        communicator_.device().id());
  const TensorView send = recv.Slice(bytes_each * rank(), bytes_each);
  return Complete(communicator_.AllGather({&send, 1}, {&recv, 1}, *stream_,
                                          deadline.ForCall()),
                  deadline);
}

absl::Status HostCollectives::Broadcast(void* data, int64_t bytes, int root,
                                        const Deadline& deadline) {
  assert(bytes <= kBroadcastBytes);
  const auto size = static_cast<size_t>(bytes);
  std::memcpy(broadcast_.data(), data, size);
  const TensorView tensor(broadcast_.data(), DType::kUInt8, bytes,
                          communicator_.device().id());
  PARLEY_RETURN_IF_ERROR(Complete(
      communicator_.Broadcast({&tensor, 1}, root, *stream_, deadline.ForCall()),
      deadline));
  std::memcpy(data, broadcast_.data(), size);
  return absl::OkStatus();
}

absl::Status HostCollectives::Complete(absl::StatusOr<Work> call,
                                       const Deadline& deadline) {
  absl::Status status = call.status();
  if (status.ok()) status = call->WaitHost(deadline.Remaining());
  if (!status.ok()) {
    communicator_.Abort(status);
    // The status is known; behind this wait the buffers are no longer in use.
    stream_->WaitHost(absl::InfiniteDuration()).IgnoreError();
  }
  return Annotate(status, "exchange of headers");
}

}  // namespace parley
