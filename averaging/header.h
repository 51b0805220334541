// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Agreement: how a meeting opens. Every rank tells all others what it is about
// to do, in one all-gather of a small header, and all come to the same verdict
// before any parameter moves. A rank whose own check failed tells that instead
// of staying away, so that nobody waits for it.
//
//   Header mine;
//   mine.kind = CallKind::kStep;
//   mine.step = 24;
//   PARLEY_RETURN_IF_ERROR(agreement.Reach(mine, terms, local_status, [] {
//   return ""; },
//                                          deadline));
//   for (const Header& header : agreement.headers()) ...
//
// What must be equal on all ranks travels as one hash, since in a large world
// headers are most of what a small meeting costs. Only where hashes differ do
// ranks exchange, once more, what is behind them, to name the difference.
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_AVERAGING_HEADER_H_
#define PARLEY_AVERAGING_HEADER_H_

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "parley/averaging/deadline.h"
#include "parley/comm/communicator.h"
#include "parley/device/device.h"

namespace parley {

// Which call of the averager a rank is in.
enum class CallKind : uint8_t {
  kCreate = 0,
  kRebind = 1,
  kStep = 2,
  kAverageNow = 3,
  kFinish = 4,  // serves what the others are in
};

// What must be equal on all ranks, in the order in which differences are named.
enum Term {
  kTermVersion,  // of the protocol
  kTermElements,
  kTermParameters,
  kTermReduction,
  kTermBucketBytes,
  kTermPlan,
  kTermSchedule,
  kTermFingerprintOn,
  kTermTakingPart,        // how many parameters
  kTermParticipation,     // which ones
  kTermModelFingerprint,  // after the last meeting
  kNumTerms,
};
using Terms = std::array<uint64_t, kNumTerms>;

// Travels as bytes: ranks have equal byte order and alignment.
struct Header {
  uint64_t agreement = 0;  // set by Reach(): a hash of the terms
  int64_t step = 0;        // as are meetings, the same on all but in kRebind
  int64_t meetings = 0;    // complete so far
  double weight = 1;
  double learning_rate = std::numeric_limits<double>::quiet_NaN();
  double loss = std::numeric_limits<double>::quiet_NaN();
  CallKind kind = CallKind::kStep;
  bool moved = false;    // local steps were taken since the last meeting
  bool refuses = false;  // set by Reach(): the local check failed
  uint8_t padding[5] = {};
};
static_assert(sizeof(Header) == 56, "headers have no hidden padding");

class Agreement {
 public:
  // Takes memory for everyone's headers. `communicator` must outlive this.
  static absl::StatusOr<std::unique_ptr<Agreement>> Create(
      Communicator& communicator);

  // Collective. OK on all ranks if all are in the same call, at the same step,
  // with equal terms, and nobody's `local` check failed. Otherwise all get the
  // same error: that of the lowest rank whose check failed, or kInvalidArgument
  // naming the lowest rank that differs from the first, and the first
  // difference; `note` is asked what there is to say to explain one. Ranks in
  // kFinish need not match kind and step.
  //
  // If the communicator fails, that error; the communicator is then aborted.
  absl::Status Reach(Header mine, const Terms& terms, const absl::Status& local,
                     absl::FunctionRef<std::string()> note,
                     const Deadline& deadline);

  // Everyone's headers, by rank, after Reach().
  absl::Span<const Header> headers() const;

 private:
  struct Details;

  explicit Agreement(Communicator& communicator)
      : communicator_(communicator) {}

  absl::Status Gather(void* all, int64_t bytes_each, const Deadline& deadline);
  bool IsReached() const;
  absl::Status Explain(const Terms& terms, const absl::Status& local,
                       absl::FunctionRef<std::string()> note,
                       const Deadline& deadline);

  Communicator& communicator_;
  std::unique_ptr<Stream> stream_;
  Allocation memory_;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_HEADER_H_
