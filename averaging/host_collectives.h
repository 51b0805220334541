// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_HOST_COLLECTIVES_H_
#define PARLEY_AVERAGING_HOST_COLLECTIVES_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "parley/averaging/deadline.h"
#include "parley/comm/communicator.h"
#include "parley/comm/work.h"
#include "parley/device/device.h"

namespace parley {

// Small exchanges of what the hosts of ranks have to tell each other, on a
// stream of their own, each of them one operation that is waited for at once.
//
//   PARLEY_ASSIGN_OR_RETURN(auto hosts, HostCollectives::Create(communicator));
//   PARLEY_ASSIGN_OR_RETURN(Allocation all, hosts->Allocate(8 * ranks));
//   PARLEY_RETURN_IF_ERROR(hosts->AllGather(all.data(), 8, deadline));
//
// Requires: all ranks make the same calls in the same order. Values travel as
// bytes: ranks have equal byte order and alignment.
//
// On error the communicator is aborted, and the memory is the caller's again.
//
// Thread-safety: thread-compatible.
class HostCollectives {
 public:
  static constexpr int64_t kBroadcastBytes = 512;

  // `communicator` must outlive this.
  static absl::StatusOr<std::unique_ptr<HostCollectives>> Create(
      Communicator& communicator);

  int rank() const { return communicator_.rank(); }
  int size() const { return communicator_.size(); }

  absl::StatusOr<Allocation> Allocate(int64_t bytes) const;

  // `all`, from Allocate(), has a place of `bytes_each` for every rank, this
  // rank's filled.
  absl::Status AllGather(void* all, int64_t bytes_each,
                         const Deadline& deadline);

  // Any memory will do for `data`, of at most kBroadcastBytes: it is copied, so
  // that what explains an error needs no memory that may not be there.
  absl::Status Broadcast(void* data, int64_t bytes, int root,
                         const Deadline& deadline);

 private:
  explicit HostCollectives(Communicator& communicator)
      : communicator_(communicator) {}

  absl::Status Complete(absl::StatusOr<Work> call, const Deadline& deadline);

  Communicator& communicator_;
  std::unique_ptr<Stream> stream_;
  Allocation broadcast_;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_HOST_COLLECTIVES_H_
