// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_BINDING_H_
#define PARLEY_AVERAGING_BINDING_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "parley/averaging/agreement.h"
#include "parley/averaging/codec/codec.h"
#include "parley/averaging/deadline.h"
#include "parley/averaging/description.h"
#include "parley/averaging/exchange.h"
#include "parley/averaging/header.h"
#include "parley/averaging/observer.h"
#include "parley/averaging/outer/outer_optimizer.h"
#include "parley/averaging/outer/outer_state.h"
#include "parley/averaging/parameters.h"
#include "parley/averaging/participation.h"
#include "parley/averaging/plan.h"
#include "parley/averaging/reduction.h"
#include "parley/averaging/schedule.h"
#include "parley/averaging/verdict.h"
#include "parley/comm/communicator.h"
#include "parley/device/device.h"

namespace parley {

// All of an averager that depends on one communicator: the plan for its size,
// what its ranks agree on, and the exchange over it. It opens meetings and
// holds them; when to meet, and what a step is, is the averager's.
//
//   PARLEY_ASSIGN_OR_RETURN(
//       auto binding, Binding::Create(&communicator, options, local, mine));
//   PARLEY_RETURN_IF_ERROR(binding->Open(mine, local, deadline));
//   // verdict() says whose call this is, at which step, with which weights.
//   PARLEY_ASSIGN_OR_RETURN(StepReport report,
//                           binding->Average(stream, deadline));
//
// Thread-safety: thread-compatible.
class Binding {
 public:
  // What does not depend on the communicator.
  struct Options {
    const ParameterSet* parameters;
    const Schedule* schedule;
    int64_t max_extra_bytes;
    absl::Duration timeout;  // as ModelAveragerOptions::timeout
    Reduction reduction;
    bool fingerprint;
    std::shared_ptr<const OuterOptimizer> outer;  // null for the plain mean
    OuterState* outer_state;                      // of `outer`
    std::shared_ptr<const Codec> codec;
    bool starts_equal;  // so ranks compare what `outer` begins with
  };

  // Collective: ranks compare what they are configured to do, and if one of
  // them has cause to refuse, `local` included, all get its error. What is
  // borrowed must outlive this. Without a communicator it is local: the plan of
  // a world of one, and no meetings.
  static absl::StatusOr<std::unique_ptr<Binding>> Create(
      Communicator* communicator, const Options& options,
      const absl::Status& local, const Header& mine);

  // Collective. Opens a meeting: OK on all ranks, or the same error on all and
  // nothing was touched. `mine` is this rank's call, `local` what the caller
  // has to say against it.
  absl::Status Open(const Header& mine, const absl::Status& local,
                    const Deadline& deadline);

  // What Create() or Open() has come to.
  const Verdict& verdict() const { return verdict_; }

  // Collective: averages what takes part in the meeting that was opened, behind
  // the work on `after` if there is one. All of the report but how many
  // meetings there were and how long this one took.
  absl::StatusOr<StepReport> Average(Stream* after, const Deadline& deadline);

  const AveragingPlan& plan() const { return *plan_; }

  // After a meeting that failed: a flag for each bucket of the plan.
  absl::Span<const uint8_t> complete_buckets() const {
    return exchange_->complete();
  }

  // Of what the last meeting averaged, which ranks compare at the next; 0
  // before the first.
  uint64_t model_fingerprint() const { return model_fingerprint_; }
  void set_model_fingerprint(uint64_t fingerprint) {
    model_fingerprint_ = fingerprint;
  }

 private:
  explicit Binding(const Options& options);

  absl::Status Prepare(Communicator* communicator, CallKind kind);
  absl::Status Describe(CallKind kind);

  const Options options_;
  Participation participation_;
  std::unique_ptr<AveragingPlan> plan_;
  std::unique_ptr<Agreement> agreement_;
  std::unique_ptr<Exchange> exchange_;
  Description description_;
  Verdict verdict_;
  uint64_t model_fingerprint_ = 0;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_BINDING_H_
