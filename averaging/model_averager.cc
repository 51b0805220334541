// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/model_averager.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/base/casts.h"
#include "absl/strings/str_cat.h"
#include "parley/averaging/annotate.h"
#include "parley/averaging/state_fields.h"
#include "parley/base/status_macros.h"

namespace parley {
namespace {

constexpr int64_t kProtocolVersion = 1;
constexpr char kStateKind[] = "model_averager";

// Tells nobody.
Observer& Silent() {
  static Observer silent;
  return silent;
}

absl::Status CheckDevice(const ParameterSet& parameters, DeviceId device) {
  for (const ParameterSet::Entry& entry : parameters.entries()) {
    const TensorView& tensor = entry.parameter.tensor;
    if (tensor.count() == 0 || tensor.device() == device) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "parameter \"", entry.parameter.name, "\" is on ",
        ToString(tensor.device()), ", the communicator on ", ToString(device)));
  }
  return absl::OkStatus();
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
      participation_(options_.parameters) {}

absl::StatusOr<std::unique_ptr<ModelAverager>> ModelAverager::Create(
    ModelAveragerOptions options) {
  auto averager =
      std::unique_ptr<ModelAverager>(new ModelAverager(std::move(options)));
  PARLEY_RETURN_IF_ERROR(averager->Configure(
      averager->options_.communicator, CallKind::kCreate, averager->binding_));
  averager->PlanNextFrom(0);
  return averager;
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

// Makes what depends on the communicator, and has ranks compare it.
absl::Status ModelAverager::Configure(Communicator* communicator, CallKind kind,
                                      Binding& binding) {
  absl::Status local =
      kind == CallKind::kCreate ? CheckOptions() : absl::OkStatus();
  if (local.ok()) local = Prepare(communicator, binding);
  if (communicator == nullptr) return local;

  PARLEY_ASSIGN_OR_RETURN(binding.agreement, Agreement::Create(*communicator));
  weights_.reserve(static_cast<size_t>(communicator->size()));
  Header mine;
  mine.kind = kind;
  mine.step = step_;
  mine.meetings = meetings_;
  mine.learning_rate = signals_.learning_rate;
  mine.loss = signals_.loss;
  const Deadline deadline(communicator->clock(), options_.timeout);
  return binding.agreement->Reach(
      mine, binding.description, local,
      [this] { return parley::ToString(*options_.schedule); }, deadline);
}

absl::Status ModelAverager::Prepare(Communicator* communicator,
                                    Binding& binding) const {
  PlanOptions plan_options;
  plan_options.max_extra_bytes = options_.max_extra_bytes;
  plan_options.reduction = options_.reduction;
  if (communicator != nullptr) {
    Device& device = communicator->device();
    PARLEY_RETURN_IF_ERROR(CheckDevice(options_.parameters, device.id()));
    plan_options.world_size = communicator->size();
    plan_options.preferred_bucket_bytes = device.preferred_bucket_bytes();
  }
  PARLEY_ASSIGN_OR_RETURN(
      AveragingPlan plan,
      AveragingPlan::Create(options_.parameters, plan_options));
  binding.communicator = communicator;
  binding.plan = std::make_unique<AveragingPlan>(std::move(plan));
  if (communicator == nullptr) return absl::OkStatus();

  PARLEY_ASSIGN_OR_RETURN(
      binding.exchange,
      Exchange::Create(*communicator, options_.parameters, *binding.plan,
                       {options_.fingerprint}));
  Description& description = binding.description;
  description.Set("protocol version", kProtocolVersion);
  description.Set("elements", options_.parameters.count());
  description.Set("parameters",
                  Description::Bits{options_.parameters.Fingerprint()});
  description.Set("reduction", std::string(Name(options_.reduction)));
  description.Set("bucket_bytes", binding.plan->bucket_bytes());
  description.Set("plan", Description::Bits{binding.plan->Fingerprint()});
  description.Append("schedule", options_.schedule->Describe());
  description.Set("fingerprint", int64_t{options_.fingerprint});
  return absl::OkStatus();
}

void ModelAverager::PlanNextFrom(int64_t step) {
  next_ = binding_.communicator == nullptr
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
  if (binding_.communicator == nullptr) {
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
  for (bool over = binding_.communicator == nullptr; !over;
       over = all_finished_) {
    PARLEY_RETURN_IF_ERROR(Meet(CallKind::kFinish, step_, options).status());
    if (agreed_kind_ == CallKind::kStep) PlanNextFrom(agreed_step_ + 1);
  }
  finished_ = true;
  next_stop_ = std::numeric_limits<int64_t>::min();
  return absl::OkStatus();
}

absl::Status ModelAverager::Rebind(Communicator& communicator) {
  if (finished_) return CheckUsable("Rebind()");
  Binding binding;
  PARLEY_RETURN_IF_ERROR(Configure(&communicator, CallKind::kRebind, binding));
  // A failure may have met ranks at different steps, and some of them behind
  // the end of a meeting that others did not complete.
  const auto headers = binding.agreement->headers();
  for (const Header& header : headers) {
    step_ = std::max(step_, header.step);
    meetings_ = std::max(meetings_, header.meetings);
  }
  signals_ = {headers[0].learning_rate, headers[0].loss};
  binding_ = std::move(binding);
  PlanNextFrom(step_);
  return absl::OkStatus();
}

absl::StatusOr<StepReport> ModelAverager::Meet(CallKind kind, int64_t step,
                                               const StepOptions& options) {
  Clock& clock = binding_.communicator->clock();
  const int64_t come_ns = clock.NowNs();
  const Deadline deadline(clock, options_.timeout);

  absl::Status local = participation_.Ask();
  if (local.ok()) local = CheckWeight(options.weight);
  Header mine;
  mine.kind = kind;
  mine.step = step;
  mine.meetings = meetings_;
  mine.weight = options.weight;
  mine.learning_rate = options.learning_rate;
  mine.loss = options.loss;
  mine.moved = step_ != step_at_last_meeting_;
  Description& description = binding_.description;
  description.Set("parameters taking part", participation_.count());
  description.Set("participation",
                  Description::Bits{participation_.Fingerprint()});
  description.Set("model after the last meeting",
                  Description::Bits{binding_.model_fingerprint});
  PARLEY_RETURN_IF_ERROR(binding_.agreement->Reach(
      mine, description, local, [this] { return participation_.ToString(); },
      deadline));
  const int64_t met_ns = clock.NowNs();
  PARLEY_RETURN_IF_ERROR(TakeHeaders());

  binding_.exchange->Select(participation_.flags());
  absl::StatusOr<Exchange::Result> result = binding_.exchange->Run(
      MeetingKind::kStep, weights_, options.stream, deadline);
  if (!result.ok()) {
    return Annotate(result.status(), absl::StrCat("meeting ", meetings_,
                                                  " at step ", agreed_step_));
  }
  return Complete(*result, met_ns - come_ns, clock.NowNs() - met_ns);
}

StepReport ModelAverager::Complete(const Exchange::Result& result,
                                   int64_t wait_ns, int64_t move_ns) {
  ++meetings_;
  step_at_last_meeting_ = step_;
  binding_.model_fingerprint = result.fingerprint;
  const int64_t others = binding_.communicator->size() - 1;
  StepReport& report = last_meeting_;
  report.step = agreed_step_;
  report.meetings = meetings_;
  report.met = true;
  report.ranks = result.ranks;
  report.reduction = options_.reduction;
  report.bytes_received =
      result.bytes_received + others * static_cast<int64_t>(sizeof(Header));
  report.wait_ns = wait_ns;
  report.move_ns = move_ns;
  report.model_fingerprint = result.fingerprint;
  observer_.OnMeeting(report);
  return report;
}

// What ranks told becomes what all of them do, in rank order.
absl::Status ModelAverager::TakeHeaders() {
  const auto headers = binding_.agreement->headers();
  bool any_moved = false;
  const Header* first = nullptr;  // that is still training
  double loss_sum = 0;
  int losses = 0;
  for (const Header& header : headers) {
    any_moved |= header.moved;
    if (header.kind == CallKind::kFinish) continue;
    if (first == nullptr) first = &header;
    if (std::isnan(header.loss)) continue;
    loss_sum += header.loss;
    ++losses;
  }
  all_finished_ = first == nullptr;
  agreed_kind_ = all_finished_ ? CallKind::kFinish : first->kind;
  agreed_step_ = all_finished_ ? step_ : first->step;

  weights_.clear();
  double sum = 0;
  for (const Header& header : headers) {
    double weight = header.kind == CallKind::kFinish ? 0 : header.weight;
    if (all_finished_) weight = header.moved || !any_moved ? 1 : 0;
    weights_.push_back(weight);
    sum += weight;
  }
  if (!(sum > 0 && std::isfinite(sum))) {
    return absl::InvalidArgumentError(
        absl::StrCat("weights of all ranks: their sum is ", sum,
                     ", must be finite and more than 0"));
  }
  if (all_finished_) return absl::OkStatus();
  signals_.learning_rate = first->learning_rate;
  signals_.loss = losses == 0 ? std::numeric_limits<double>::quiet_NaN()
                              : loss_sum / losses;
  return absl::OkStatus();
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
  writer.SetBits("model_fingerprint", binding_.model_fingerprint);
  writer.SetInteger("world_size", plan().world_size());
  writer.SetBits("parameters", options_.parameters.Fingerprint());
  writer.SetText("reduction", Name(options_.reduction));
  Description schedule;
  schedule.Append("schedule", options_.schedule->Describe());
  for (const Description::Field& field : schedule.fields()) {
    writer.SetText(field.name, parley::ToString(field.value));
  }
  return {writer.ToJson(), {}};
}

absl::Status ModelAverager::CheckConfiguration(
    const StateReader& reader) const {
  Description schedule;
  schedule.Append("schedule", options_.schedule->Describe());
  for (const Description::Field& field : schedule.fields()) {
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

  step_ = step;
  meetings_ = meetings;
  step_at_last_meeting_ = step_at_last_meeting;
  next_ = {next_meeting};
  next_stop_ = next_.step;
  signals_ = {absl::bit_cast<double>(learning_rate),
              absl::bit_cast<double>(loss)};
  binding_.model_fingerprint = fingerprint;
  finished_ = false;
  return absl::OkStatus();
}

}  // namespace parley
