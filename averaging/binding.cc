// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/binding.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/base/status_macros.h"

namespace parley {
namespace {

constexpr int64_t kProtocolVersion = 1;

}  // namespace

Binding::Binding(const Options& options)
    : options_(options), participation_(*options.parameters) {}

absl::StatusOr<std::unique_ptr<Binding>> Binding::Create(
    Communicator* communicator, const Options& options,
    const absl::Status& local, const Header& mine) {
  auto binding = std::unique_ptr<Binding>(new Binding(options));
  absl::Status status = local;
  if (status.ok()) status = binding->Prepare(communicator, mine.kind);
  if (communicator == nullptr) {
    if (!status.ok()) return status;
    return binding;
  }
  PARLEY_ASSIGN_OR_RETURN(binding->agreement_,
                          Agreement::Create(*communicator));
  binding->verdict_.weights.reserve(static_cast<size_t>(communicator->size()));
  const Deadline deadline(communicator->clock(), options.timeout);
  PARLEY_RETURN_IF_ERROR(binding->agreement_->Reach(
      mine, binding->description_, status,
      [&] { return ToString(*options.schedule); }, deadline));
  PARLEY_RETURN_IF_ERROR(Judge(binding->agreement_->headers(),
                               communicator->rank(), binding->verdict_));
  // A failure may have left ranks with different parts of a meeting's step.
  if (options.outer_state != nullptr && mine.kind == CallKind::kRebind) {
    PARLEY_RETURN_IF_ERROR(
        options.outer_state->Broadcast(*communicator, deadline.ForCall()));
  }
  return binding;
}

absl::Status Binding::Prepare(Communicator* communicator, CallKind kind) {
  PlanOptions plan_options;
  plan_options.max_extra_bytes = options_.max_extra_bytes;
  plan_options.reduction = options_.reduction;
  if (communicator != nullptr) {
    Device& device = communicator->device();
    PARLEY_RETURN_IF_ERROR(options_.parameters->CheckDevice(device.id()));
    plan_options.world_size = communicator->size();
    plan_options.preferred_bucket_bytes = device.preferred_bucket_bytes();
    plan_options.outer = options_.outer;
    plan_options.codec = options_.codec;
  }
  PARLEY_ASSIGN_OR_RETURN(
      AveragingPlan plan,
      AveragingPlan::Create(*options_.parameters, plan_options));
  plan_ = std::make_unique<AveragingPlan>(std::move(plan));
  if (communicator == nullptr) return absl::OkStatus();
  PARLEY_ASSIGN_OR_RETURN(
      exchange_,
      Exchange::Create(*communicator, *options_.parameters, *plan_,
                       {options_.fingerprint, options_.outer_state}));
  return Describe(kind);
}

absl::Status Binding::Describe(CallKind kind) {
  description_.Set("protocol version", kProtocolVersion);
  description_.Set("elements", options_.parameters->count());
  description_.Set("parameters",
                   Description::Bits{options_.parameters->Fingerprint()});
  description_.Set("reduction", std::string(Name(options_.reduction)));
  description_.Set("bucket_bytes", plan_->bucket_bytes());
  description_.Set("plan", Description::Bits{plan_->Fingerprint()});
  description_.Append("schedule", options_.schedule->Describe());
  description_.Set("fingerprint", int64_t{options_.fingerprint});
  if (options_.codec != nullptr) {
    description_.Append("codec", options_.codec->Describe());
  }
  if (options_.outer == nullptr) return absl::OkStatus();
  description_.Append("outer", options_.outer->Describe());
  if (kind != CallKind::kCreate || !options_.starts_equal) {
    return absl::OkStatus();
  }
  // What is kept on every rank stays equal only if it begins so.
  PARLEY_ASSIGN_OR_RETURN(const uint64_t fingerprint,
                          options_.outer_state->Fingerprint());
  description_.Set(
      "the model, which an outer optimizer needs to be equal at the start",
      Description::Bits{fingerprint});
  return absl::OkStatus();
}

absl::Status Binding::Open(const Header& mine, const absl::Status& local,
                           const Deadline& deadline) {
  absl::Status status = participation_.Ask();
  if (status.ok()) status = local;
  description_.Set("parameters taking part", participation_.count());
  description_.Set("participation",
                   Description::Bits{participation_.Fingerprint()});
  description_.Set("model after the last meeting",
                   Description::Bits{model_fingerprint_});
  PARLEY_RETURN_IF_ERROR(agreement_->Reach(
      mine, description_, status, [this] { return participation_.ToString(); },
      deadline));
  return Judge(agreement_->headers(), agreement_->rank(), verdict_);
}

absl::StatusOr<StepReport> Binding::Average(Stream* after,
                                            const Deadline& deadline) {
  exchange_->Select(participation_.flags());
  PARLEY_ASSIGN_OR_RETURN(
      const Exchange::Result result,
      exchange_->Run(
          verdict_.any_moved ? MeetingKind::kStep : MeetingKind::kReset,
          verdict_.weights, after, deadline));
  model_fingerprint_ = result.fingerprint;
  StepReport report;
  report.step = verdict_.step;
  report.met = true;
  report.ranks = result.ranks;
  report.bytes_received = result.bytes_received + agreement_->bytes_received();
  report.reduction = options_.reduction;
  report.model_fingerprint = result.fingerprint;
  return report;
}

}  // namespace parley
