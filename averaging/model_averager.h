// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// ModelAverager: ranks train apart, and meet now and then to agree on one
// model: the mean of all replicas, the same bits on every rank.
//
//   PARLEY_ASSIGN_OR_RETURN(auto averager, ModelAverager::Create({
//       .communicator = &communicator,
//       .parameters = parameters,
//       .schedule = PeriodicSchedule({.period = 8, .warmup_steps = 500}),
//   }));
//   for (int64_t step = 0; step < kSteps; ++step) {
//     TrainLocally();
//     PARLEY_ASSIGN_OR_RETURN(StepReport report, averager->Step());
//   }
//   PARLEY_RETURN_IF_ERROR(averager->Finish());
//
// A meeting opens with an exchange of headers, in which ranks compare what they
// are about to do. If that differs, or if one rank has cause to refuse, all get
// the same error, which names the rank and the first difference, and nothing
// has been touched; training may go on. Otherwise the parameters are exchanged
// bucket by bucket (averaging/plan.h), and a rank leaves when all are complete.
//
// Failure. If a rank dies or does not come in time, the others get that error;
// it says how many buckets are complete. Each bucket is either what it was or
// the average, never a mixture. The communicator is aborted, every Step() fails
// from then on, and the way back is a new communicator:
//   PARLEY_ASSIGN_OR_RETURN(auto survivors, communicator.Shrink(dead));
//   PARLEY_RETURN_IF_ERROR(averager->Rebind(*survivors));
//   PARLEY_RETURN_IF_ERROR(averager->AverageNow().status());
//
// Guarantees: the mean is that of device/kernels/arguments.h, in rank order,
// for any bucket size and on every backend, unless another `reduction` is asked
// for. A step without a meeting touches neither device nor network. Once a
// first meeting was held, steps allocate nothing.
//
// Requires: the communicator and all tensors outlive the averager, and nobody
// writes the tensors while a call of the averager runs. Create(), Rebind(),
// Finish(), AverageNow() and the meetings in Step() are collective: all ranks
// must come.
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_AVERAGING_MODEL_AVERAGER_H_
#define PARLEY_AVERAGING_MODEL_AVERAGER_H_

#include <cstdint>
#include <limits>
#include <memory>

#include "absl/base/optimization.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "parley/averaging/codec/codec.h"
#include "parley/averaging/observer.h"
#include "parley/averaging/outer/outer_optimizer.h"
#include "parley/averaging/parameters.h"
#include "parley/averaging/reduction.h"
#include "parley/averaging/schedule.h"
#include "parley/averaging/state.h"
#include "parley/comm/communicator.h"

namespace parley {

class AveragingPlan;
class Binding;
class OuterState;
class StateReader;
enum class CallKind : uint8_t;

// What Restore() does with a state that has no "step".
enum class MissingStep {
  kError,
  // Warns and starts at step 0, as PyTorch's PostLocalSGDOptimizer.
  kPyTorchCompatible,
};

// What an outer optimizer or a codec begins with.
enum class InitialModel {
  // The model as it is, which must be equal on all ranks; they compare it.
  kEqual,
  // What Restore() will bring: the model is one of a training that goes on, in
  // which replicas may be apart. There is no meeting before it.
  kRestored,
};

enum class OuterMemory {
  kDevice,
  kHost,  // which the device reaches, and reads and writes at each meeting
};

struct ModelAveragerOptions {
  // Borrowed: must outlive the averager, or be replaced by Rebind() before it
  // goes.
  Communicator* communicator = nullptr;

  // This rank belongs to no group (Communicator::Split() gave it null): it
  // counts steps and never meets. Requires communicator == nullptr.
  bool non_member = false;

  ParameterSet parameters;

  std::shared_ptr<const Schedule> schedule;

  // A budget for everything a meeting needs beyond the parameters.
  int64_t max_extra_bytes = 64 << 20;

  // How long a meeting may take, in the communicator's time, from the moment
  // this rank comes to it. Zero: each operation has the communicator's timeout.
  absl::Duration timeout = absl::ZeroDuration();

  // kNative gives up the bits that are defined for speed (docs/numerics.md). It
  // is for Policy::kAverage; integers stay as they are.
  Reduction reduction = Reduction::kReproducible;

  // How the mean becomes the new model; null: it is the new model. A rank alone
  // takes its steps, too. At a meeting before which no rank has taken a step,
  // none is taken.
  std::shared_ptr<const OuterOptimizer> outer = nullptr;

  // What crosses the wire in place of parameters; null: these themselves. Not
  // with Reduction::kNative.
  std::shared_ptr<const Codec> codec = nullptr;

  InitialModel initial_model = InitialModel::kEqual;

  // Where the anchor and all else that `outer` and `codec` keep are.
  OuterMemory outer_memory = OuterMemory::kDevice;

  // Whether each meeting ends by fingerprinting the averaged model, which the
  // next one compares. Costs one more read of memory that is in the cache.
  bool fingerprint = true;

  MissingStep missing_step = MissingStep::kError;

  // Borrowed; null for silence.
  Observer* observer = nullptr;
};

struct StepOptions {
  // This rank's weight, should a meeting be held at this step: finite, at least
  // 0, and more than 0 on some rank. A rank of weight 0 receives the mean and
  // does not enter it. Not summed up over steps.
  double weight = 1;

  // For schedules that depend on them; NaN if not told.
  double learning_rate = std::numeric_limits<double>::quiet_NaN();
  double loss = std::numeric_limits<double>::quiet_NaN();

  // The stream on which the parameters were last written: a meeting begins
  // behind its work. Null if that work is known to be done. When a call of the
  // averager returns, the meeting is complete, on every stream.
  Stream* stream = nullptr;
};

class ModelAverager {
 public:
  // Collective: ranks compare their configurations, and if one is refused all
  // get its error. kInvalidArgument, naming the field and its value.
  static absl::StatusOr<std::unique_ptr<ModelAverager>> Create(
      ModelAveragerOptions options);
  ~ModelAverager();

  // Call it after every local step. Holds the meeting of this step, if there
  // is one, and returns when it is complete. The step is counted whatever
  // happens, errors included. kFailedPrecondition after Finish() and once the
  // communicator is aborted.
  absl::StatusOr<StepReport> Step(const StepOptions& options = {}) {
    const int64_t step = step_++;
    if (ABSL_PREDICT_TRUE(step < next_stop_ && !aborted())) {
      StepReport report;
      report.step = step;
      report.meetings = meetings_;
      return report;
    }
    return StepSlow(step, options);
  }

  // A meeting now, outside the schedule and without counting a step. All ranks
  // must call it at the same step; those in Finish() take part.
  absl::StatusOr<StepReport> AverageNow(const StepOptions& options = {});

  // This rank takes no more steps. It serves the meetings of those that still
  // do, with weight 0, until all have called Finish(); then one last meeting is
  // held, in which ranks that have taken steps since their last meeting have
  // weight 1 and the others 0 (all have 1 if nobody has). Replicas end equal.
  // `stream` as in StepOptions.
  absl::Status Finish(Stream* stream = nullptr);

  // Goes on with another communicator, borrowed like the first, after a failure
  // or a change of members. Collective over its members, which agree on a new
  // plan and go on at the step of whoever is furthest. What an outer optimizer
  // keeps becomes rank 0's on all of them. On error the averager keeps what it
  // had.
  absl::Status Rebind(Communicator& communicator);

  // Local. What Restore() on an averager of the same configuration needs to go
  // on with the same bits as if training had never stopped, at any step. Its
  // tensors are what an outer optimizer keeps, if there is one.
  SavedState State() const;

  // Local. kInvalidArgument, naming the field, for a state that is damaged or
  // of another configuration; the averager is then unchanged.
  absl::Status Restore(const SavedState& state);

  // Steps taken so far.
  int64_t step() const { return step_; }

  // The step of the next scheduled meeting.
  int64_t next_meeting() const { return next_.step; }

  // What the last complete meeting reported; its `met` is false before it.
  const StepReport& last_meeting() const { return last_meeting_; }

  // What a meeting does (averaging/plan.h).
  const AveragingPlan& plan() const;

  // After a call that failed in a meeting, until Rebind(): a flag for each
  // bucket of plan(), whether it is complete on this rank; the others are what
  // they were. Whom the failure is about is LostRanks() of its status. Requires
  // a communicator.
  absl::Span<const uint8_t> complete_buckets() const;

 private:
  explicit ModelAverager(ModelAveragerOptions options);

  bool aborted() const {
    return communicator_ != nullptr && communicator_->aborted();
  }

  absl::Status CheckOptions() const;
  absl::Status CreateOuterState();
  absl::StatusOr<std::unique_ptr<Binding>> Bind(Communicator* communicator,
                                                CallKind kind,
                                                const absl::Status& local);
  void PlanNextFrom(int64_t step);

  absl::Status CheckUsable(absl::string_view call) const;
  absl::StatusOr<StepReport> StepSlow(int64_t step, const StepOptions& options);
  absl::StatusOr<StepReport> MeetIfUsable(int64_t step,
                                          const StepOptions& options);
  absl::StatusOr<StepReport> Meet(CallKind kind, int64_t step,
                                  const StepOptions& options);
  Description Configuration() const;
  absl::Status CheckConfiguration(const StateReader& reader) const;

  const ModelAveragerOptions options_;
  Observer& observer_;
  Communicator* communicator_;                   // null outside any group
  std::shared_ptr<const OuterOptimizer> outer_;  // null for the plain mean
  std::unique_ptr<OuterState> outer_state_;      // null without outer_
  std::unique_ptr<Binding> binding_;

  int64_t step_ = 0;
  // The first step at which Step() has something to do: that of next_, or any
  // once finished.
  int64_t next_stop_ = 0;
  Meeting next_;
  int64_t meetings_ = 0;
  int64_t step_at_last_meeting_ = 0;
  bool finished_ = false;
  bool awaits_restore_ = false;
  Signals signals_;
  StepReport last_meeting_;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_MODEL_AVERAGER_H_
