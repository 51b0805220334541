// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_AGREEMENT_H_
#define PARLEY_AVERAGING_AGREEMENT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "parley/averaging/deadline.h"
#include "parley/averaging/description.h"
#include "parley/averaging/header.h"
#include "parley/averaging/host_collectives.h"
#include "parley/comm/communicator.h"
#include "parley/device/device.h"

namespace parley {

// Agreement: how a meeting opens. Every rank tells all others what it is about
// to do, in one all-gather of a small header, and all come to the same verdict
// before any parameter moves. A rank whose own check failed tells that instead
// of staying away, so that nobody waits for it.
//
//   Header mine;
//   mine.kind = CallKind::kStep;
//   mine.step = 24;
//   PARLEY_RETURN_IF_ERROR(
//       agreement->Reach(mine, description, local_status, note, deadline));
//   for (const Header& header : agreement->headers()) ...
//
// What must be equal on all ranks travels as one hash, since in a large world
// headers are most of what a small meeting costs. Only where hashes differ do
// ranks exchange what is behind them, to name the difference.
//
// Thread-safety: thread-compatible.
class Agreement {
 public:
  // Takes memory for everyone's headers. `communicator` must outlive this.
  static absl::StatusOr<std::unique_ptr<Agreement>> Create(
      Communicator& communicator);

  // Collective. OK on all ranks if all are in the same call, at the same step,
  // with equal descriptions, and nobody's `local` check failed. Otherwise all
  // get the same error: that of the lowest rank whose check failed, or
  // kInvalidArgument naming the lowest rank that differs from the first, and
  // the first difference; `note` is asked what there is to say to explain one.
  // Ranks in kFinish need not match kind and step. Sets what `mine` says of
  // `description` and `local`.
  //
  // If the communicator fails, that error; the communicator is then aborted.
  absl::Status Reach(Header mine, const Description& description,
                     const absl::Status& local,
                     absl::FunctionRef<std::string()> note,
                     const Deadline& deadline);

  // Everyone's headers, by rank, after Reach().
  absl::Span<const Header> headers() const;

  // Bytes that Reach() receives from other ranks, where it is OK.
  int64_t bytes_received() const {
    return (hosts_->size() - 1) * static_cast<int64_t>(sizeof(Header));
  }

  int rank() const { return hosts_->rank(); }

 private:
  Agreement() = default;

  absl::Status QuoteRefusal(int rank, const absl::Status& local,
                            const Deadline& deadline);

  std::unique_ptr<HostCollectives> hosts_;
  Allocation headers_;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_AGREEMENT_H_
