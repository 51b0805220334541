// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/model_averager.h"

#include <cmath>
#include <utility>

#include "absl/base/casts.h"
#include "absl/strings/str_cat.h"
#include "parley/averaging/annotate.h"
#include "parley/averaging/binding.h"
#include "parley/averaging/deadline.h"
#include "parley/averaging/description.h"
#include "parley/averaging/header.h"
#include "parley/averaging/outer/outer_state.h"
#include "parley/averaging/outer/plain_outer.h"
#include "parley/averaging/plan.h"
#include "parley/averaging/state_fields.h"
#include "parley/base/status_macros.h"

namespace parley {
namespace {

constexpr char kStateKind[] = "model_averager";

// Tells nobody.
Observer& Silent() {
  static Observer silent;
  return silent;
}

absl::Status CheckWeight(double weight) {
  if (std::isfinite(weight) && weight >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("weight: ", weight, ", must be finite and at least 0"));
}

}  // namespace

ModelAverager::ModelAverager(ModelAveragerOptions options)
    : options_(std::move(options)),
      observer_(options_.observer == nullptr ? Silent() : *options_.observer),
      communicator_(options_.communicator) {}

ModelAverager::~ModelAverager() = default;

absl::StatusOr<std::unique_ptr<ModelAverager>> ModelAverager::Create(
    ModelAveragerOptions options) {
  auto averager =
      std::unique_ptr<ModelAverager>(new ModelAverager(std::move(options)));
  absl::Status local = averager->CheckOptions();
  if (local.ok()) local = averager->CreateOuterState();
  PARLEY_ASSIGN_OR_RETURN(
      averager->binding_,
      averager->Bind(averager->communicator_, CallKind::kCreate, local));
  averager->PlanNextFrom(0);
  return averager;
}

const AveragingPlan& ModelAverager::plan() const { return binding_->plan(); }

absl::Span<const uint8_t> ModelAverager::complete_buckets() const {
  return binding_->complete_buckets();
}

absl::Status ModelAverager::CheckOptions() const {
  if (options_.schedule == nullptr) {
    return absl::InvalidArgumentError("schedule: none was given");
  }
  if (options_.timeout < absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("timeout: ", absl::FormatDuration(options_.timeout),
                     ", must not be negative"));
  }
  if ((options_.communicator == nullptr) != options_.non_member) {
    return absl::InvalidArgumentError(
        options_.non_member
            ? "non_member: true, but there is a communicator"
            : "communicator: null (a rank outside the group says so by "
              "non_member)");
  }
  return options_.schedule->Check(observer_);
}

absl::Status ModelAverager::CreateOuterState() {
  outer_ = options_.outer;
  // For its anchor.
  if (outer_ == nullptr && options_.codec != nullptr) outer_ = PlainOuter();
  if (outer_ == nullptr || communicator_ == nullptr) return absl::OkStatus();
  PARLEY_RETURN_IF_ERROR(outer_->Check());
  Device& device = communicator_->device();
  PARLEY_RETURN_IF_ERROR(options_.parameters.CheckDevice(device.id()));
  PARLEY_ASSIGN_OR_RETURN(
      outer_state_,
      OuterState::Create(outer_, options_.parameters, device,
                         options_.outer_memory == OuterMemory::kHost
                             ? device.host_visible_allocator()
                             : device.allocator()));
  awaits_restore_ = options_.initial_model == InitialModel::kRestored;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Binding>> ModelAverager::Bind(
    Communicator* communicator, CallKind kind, const absl::Status& local) {
  Header mine;
  mine.kind = kind;
  mine.step = step_;
  mine.meetings = meetings_;
  mine.learning_rate = signals_.learning_rate;
  mine.loss = signals_.loss;
  return Binding::Create(
      communicator,
      {&options_.parameters, options_.schedule.get(), options_.max_extra_bytes,
       options_.timeout, options_.reduction, options_.fingerprint, outer_,
       outer_state_.get(), options_.codec,
       options_.initial_model == InitialModel::kEqual},
      local, mine);
}

void ModelAverager::PlanNextFrom(int64_t step) {
  next_ = communicator_ == nullptr
              ? Meeting{}
              : options_.schedule->Next({step, meetings_}, signals_);
  next_stop_ = next_.step;
}

absl::Status ModelAverager::CheckUsable(absl::string_view call) const {
  if (finished_) {
    return absl::FailedPreconditionError(
        absl::StrCat(call, ": Finish() was called"));
  }
  if (aborted()) {
    return absl::FailedPreconditionError(absl::StrCat(
        call,
        ": the communicator has failed or was aborted; Rebind() goes on with "
        "another"));
  }
  return absl::OkStatus();
}

absl::StatusOr<StepReport> ModelAverager::MeetIfUsable(
    int64_t step, const StepOptions& options) {
  PARLEY_RETURN_IF_ERROR(CheckUsable("Step()"));
  return Meet(CallKind::kStep, step, options);
}

absl::StatusOr<StepReport> ModelAverager::StepSlow(int64_t step,
                                                   const StepOptions& options) {
  absl::StatusOr<StepReport> report = MeetIfUsable(step, options);
  // Also behind a meeting that failed: its step has passed.
  if (!finished_ && step >= next_.step) PlanNextFrom(step + 1);
  return report;
}

absl::StatusOr<StepReport> ModelAverager::AverageNow(
    const StepOptions& options) {
  PARLEY_RETURN_IF_ERROR(CheckUsable("AverageNow()"));
  if (communicator_ == nullptr) {
    StepReport report;
    report.step = step_;
    return report;
  }
  return Meet(CallKind::kAverageNow, step_, options);
}

absl::Status ModelAverager::Finish(Stream* stream) {
  PARLEY_RETURN_IF_ERROR(CheckUsable("Finish()"));
  StepOptions options;
  options.weight = 0;
  options.stream = stream;
  for (bool over = communicator_ == nullptr; !over;
       over = binding_->verdict().all_finished()) {
    PARLEY_RETURN_IF_ERROR(Meet(CallKind::kFinish, step_, options).status());
    const Verdict& verdict = binding_->verdict();
    if (verdict.kind == CallKind::kStep) PlanNextFrom(verdict.step + 1);
  }
  finished_ = true;
  next_stop_ = std::numeric_limits<int64_t>::min();
  return absl::OkStatus();
}

absl::Status ModelAverager::Rebind(Communicator& communicator) {
  if (finished_) return CheckUsable("Rebind()");
  PARLEY_ASSIGN_OR_RETURN(
      std::unique_ptr<Binding> binding,
      Bind(&communicator, CallKind::kRebind, absl::OkStatus()));
  binding_ = std::move(binding);
  communicator_ = &communicator;
  // A failure may have met ranks at different steps, and some of them behind
  // the end of a meeting that others did not complete.
  const Verdict& verdict = binding_->verdict();
  step_ = verdict.step;
  meetings_ = verdict.meetings;
  signals_ = verdict.signals;
  PlanNextFrom(step_);
  return absl::OkStatus();
}

absl::StatusOr<StepReport> ModelAverager::Meet(CallKind kind, int64_t step,
                                               const StepOptions& options) {
  Clock& clock = communicator_->clock();
  const int64_t come_ns = clock.NowNs();
  const Deadline deadline(clock, options_.timeout);
  Header mine;
  mine.kind = kind;
  mine.step = step;
  mine.meetings = meetings_;
  mine.weight = options.weight;
  mine.learning_rate = options.learning_rate;
  mine.loss = options.loss;
  mine.moved = step_ != step_at_last_meeting_;
  absl::Status local = CheckWeight(options.weight);
  if (local.ok() && awaits_restore_) {
    local = absl::FailedPreconditionError(
        "initial_model: kRestored, but Restore() was not called");
  }
  PARLEY_RETURN_IF_ERROR(binding_->Open(mine, local, deadline));
  const int64_t met_ns = clock.NowNs();

  const Verdict& verdict = binding_->verdict();
  if (!verdict.all_finished()) signals_ = verdict.signals;
  absl::StatusOr<StepReport> report =
      binding_->Average(options.stream, deadline);
  if (!report.ok()) {
    return Annotate(report.status(), absl::StrCat("meeting ", meetings_,
                                                  " at step ", verdict.step));
  }
  step_at_last_meeting_ = step_;
  report->meetings = ++meetings_;
  report->wait_ns = met_ns - come_ns;
  report->move_ns = clock.NowNs() - met_ns;
  last_meeting_ = *report;
  observer_.OnMeeting(last_meeting_);
  return report;
}

// What a saved state must have in common with who restores it.
Description ModelAverager::Configuration() const {
  Description description;
  description.Append("schedule", options_.schedule->Describe());
  if (outer_ != nullptr) description.Append("outer", outer_->Describe());
  if (options_.codec != nullptr) {
    description.Append("codec", options_.codec->Describe());
  }
  return description;
}

SavedState ModelAverager::State() const {
  StateWriter writer(kStateKind);
  writer.SetInteger("step", step_);
  writer.SetInteger("meetings", meetings_);
  writer.SetInteger("step_at_last_meeting", step_at_last_meeting_);
  writer.SetInteger("next_meeting", next_.step);
  writer.SetBits("learning_rate_bits",
                 absl::bit_cast<uint64_t>(signals_.learning_rate));
  writer.SetBits("loss_bits", absl::bit_cast<uint64_t>(signals_.loss));
  writer.SetBits("model_fingerprint", binding_->model_fingerprint());
  writer.SetInteger("world_size", plan().world_size());
  writer.SetBits("parameters", options_.parameters.Fingerprint());
  writer.SetText("reduction", Name(options_.reduction));
  const Description configuration = Configuration();
  for (const Description::Field& field : configuration.fields()) {
    writer.SetText(field.name, parley::ToString(field.value));
  }
  return {writer.ToJson(), outer_state_ == nullptr ? std::vector<NamedTensor>()
                                                   : outer_state_->Tensors()};
}

absl::Status ModelAverager::CheckConfiguration(
    const StateReader& reader) const {
  const Description configuration = Configuration();
  for (const Description::Field& field : configuration.fields()) {
    PARLEY_RETURN_IF_ERROR(
        reader.ExpectText(field.name, parley::ToString(field.value)));
  }
  PARLEY_RETURN_IF_ERROR(
      reader.ExpectText("reduction", Name(options_.reduction)));
  PARLEY_RETURN_IF_ERROR(
      reader.ExpectInteger("world_size", plan().world_size()));
  return reader.ExpectBits("parameters", options_.parameters.Fingerprint());
}

absl::Status ModelAverager::Restore(const SavedState& state) {
  PARLEY_ASSIGN_OR_RETURN(const StateReader reader,
                          StateReader::Parse(state.description, kStateKind));
  PARLEY_RETURN_IF_ERROR(CheckConfiguration(reader));
  const bool has_step = reader.Has("step");
  if (!has_step && options_.missing_step == MissingStep::kPyTorchCompatible) {
    observer_.OnWarning(
        "the state has no step; starting at step 0, with a new warm-up");
    step_ = 0;
    step_at_last_meeting_ = 0;
    finished_ = false;
    PlanNextFrom(0);
    return absl::OkStatus();
  }
  PARLEY_ASSIGN_OR_RETURN(const int64_t step, reader.Integer("step"));
  PARLEY_ASSIGN_OR_RETURN(const int64_t meetings, reader.Integer("meetings"));
  PARLEY_ASSIGN_OR_RETURN(const int64_t step_at_last_meeting,
                          reader.Integer("step_at_last_meeting"));
  PARLEY_ASSIGN_OR_RETURN(const int64_t next_meeting,
                          reader.Integer("next_meeting", step));
  PARLEY_ASSIGN_OR_RETURN(const uint64_t learning_rate,
                          reader.Bits("learning_rate_bits"));
  PARLEY_ASSIGN_OR_RETURN(const uint64_t loss, reader.Bits("loss_bits"));
  PARLEY_ASSIGN_OR_RETURN(const uint64_t fingerprint,
                          reader.Bits("model_fingerprint"));
  PARLEY_RETURN_IF_ERROR(reader.CheckChecksum());
  if (outer_state_ != nullptr) {
    PARLEY_RETURN_IF_ERROR(outer_state_->Load(state.tensors));
  }

  step_ = step;
  meetings_ = meetings;
  step_at_last_meeting_ = step_at_last_meeting;
  next_ = {next_meeting};
  next_stop_ = next_.step;
  signals_ = {absl::bit_cast<double>(learning_rate),
              absl::bit_cast<double>(loss)};
  binding_->set_model_fingerprint(fingerprint);
  finished_ = false;
  awaits_restore_ = false;
  return absl::OkStatus();
}

}  // namespace parley
