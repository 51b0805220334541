// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/examples/digits/experiment.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/averaging/model_averager.h"
#include "parley/base/hash.h"
#include "parley/base/status_macros.h"
#include "parley/examples/digits/trainer.h"
#include "parley/sim/world.h"

namespace parley::digits {
namespace {

// What a step of this little model might take on a slow core; one in four of it
// varies from rank to rank and step to step.
constexpr int64_t kStepNs = 400'000;
constexpr uint64_t kStepJitterNs = 100'000;

constexpr int64_t kProgressSteps = 16;

// What one rank brings home.
struct RankResult {
  int64_t meetings = 0;
  double test_accuracy = 0;
  uint64_t fingerprint = 0;
};

enum class Which { kValues, kGradients };

absl::StatusOr<ParameterSet> Tensors(const Mlp& model, Which which) {
  ParameterGroup group;
  for (const Mlp::Tensor& tensor : model.tensors()) {
    group.parameters.push_back(
        {.name = std::string(tensor.name.data(), tensor.name.size()),
         .tensor = TensorView::Of(which == Which::kValues ? tensor.value
                                                          : tensor.gradient)});
  }
  return ParameterSet::Create({group});
}

// The averagers of a rank; null where the mode does not need one.
struct Averagers {
  std::unique_ptr<ModelAverager> gradients;
  std::unique_ptr<ModelAverager> model;
};

absl::StatusOr<Averagers> CreateAveragers(const ExperimentOptions& options,
                                          Communicator& communicator,
                                          const Mlp& model) {
  Averagers averagers;
  if (options.mode == Mode::kSynchronous ||
      (options.mode == Mode::kPeriodic && options.warmup_steps > 0)) {
    PARLEY_ASSIGN_OR_RETURN(ParameterSet gradients,
                            Tensors(model, Which::kGradients));
    PARLEY_ASSIGN_OR_RETURN(
        averagers.gradients,
        ModelAverager::Create({.communicator = &communicator,
                               .parameters = std::move(gradients),
                               .schedule = PeriodicSchedule({.period = 1})}));
  }
  if (options.mode == Mode::kPeriodic || options.mode == Mode::kFinalOnly) {
    // A period of all steps meets only in Finish().
    const bool periodic = options.mode == Mode::kPeriodic;
    PARLEY_ASSIGN_OR_RETURN(ParameterSet values,
                            Tensors(model, Which::kValues));
    PARLEY_ASSIGN_OR_RETURN(
        averagers.model,
        ModelAverager::Create(
            {.communicator = &communicator,
             .parameters = std::move(values),
             .schedule = PeriodicSchedule(
                 {.period = periodic ? options.period : options.steps + 1,
                  .warmup_steps = periodic ? options.warmup_steps : 0,
                  .first = FirstMeeting::kAfterPeriod})}));
  }
  return averagers;
}

absl::StatusOr<uint64_t> FingerprintOf(const Mlp& model, Device& device) {
  uint64_t fingerprint = 0;
  PARLEY_ASSIGN_OR_RETURN(auto stream, device.CreateStream());
  for (const Mlp::Tensor& tensor : model.tensors()) {
    const FingerprintPiece piece = {
        .data = tensor.value.data(),
        .dtype = DType::kFloat32,
        .count = static_cast<int64_t>(tensor.value.size()),
        .tensor_id = HashString(tensor.name)};
    PARLEY_RETURN_IF_ERROR(
        device.Fingerprint({&piece, 1, &fingerprint}, *stream));
    PARLEY_RETURN_IF_ERROR(stream->WaitHost(absl::InfiniteDuration()));
  }
  return fingerprint;
}

absl::Status TrainRank(const TrainTest& data, const ExperimentOptions& options,
                       sim::RankContext& rank, RankResult& result) {
  PARLEY_ASSIGN_OR_RETURN(
      std::unique_ptr<Trainer> trainer,
      Trainer::Create(data.train, {.ranks = rank.size(),
                                   .rank = rank.rank(),
                                   .sharding = options.sharding,
                                   .seed = options.world.seed}));
  PARLEY_ASSIGN_OR_RETURN(
      Averagers averagers,
      CreateAveragers(options, rank.communicator(), trainer->model()));
  const double weight =
      options.weights.empty() ? 1 : options.weights[rank.rank()];
  for (int64_t step = 0; step < options.steps; ++step) {
    trainer->ComputeGradients();
    rank.Compute(absl::Nanoseconds(
        kStepNs + static_cast<int64_t>(rank.random().Uniform(kStepJitterNs))));
    if (averagers.gradients != nullptr &&
        (options.mode == Mode::kSynchronous || step < options.warmup_steps)) {
      PARLEY_RETURN_IF_ERROR(averagers.gradients->Step().status());
    }
    trainer->ApplyGradients();
    if (averagers.model != nullptr) {
      PARLEY_RETURN_IF_ERROR(
          averagers.model->Step({.weight = weight}).status());
    }
    if (rank.rank() == 0 && options.progress && step % kProgressSteps == 0) {
      options.progress(step);
    }
  }
  if (averagers.model != nullptr) {
    PARLEY_RETURN_IF_ERROR(averagers.model->Finish());
    result.meetings += averagers.model->last_meeting().meetings;
  }
  if (averagers.gradients != nullptr) {
    result.meetings += averagers.gradients->last_meeting().meetings;
  }
  PARLEY_ASSIGN_OR_RETURN(
      result.fingerprint,
      FingerprintOf(trainer->model(), rank.communicator().device()));
  // Replicas are equal but for kNever, so one of them is enough.
  if (rank.rank() == 0 || options.mode == Mode::kNever) {
    result.test_accuracy = trainer->model().Accuracy(data.test);
  }
  return absl::OkStatus();
}

absl::Status CheckReplicasEqual(const std::vector<RankResult>& ranks) {
  for (size_t i = 1; i < ranks.size(); ++i) {
    if (ranks[i].fingerprint != ranks[0].fingerprint) {
      return absl::InternalError(absl::StrCat(
          "replicas differ: rank ", i, " has fingerprint ",
          absl::Hex(ranks[i].fingerprint, absl::kZeroPad16), ", rank 0 has ",
          absl::Hex(ranks[0].fingerprint, absl::kZeroPad16)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view Name(Mode mode) {
  switch (mode) {
    case Mode::kSynchronous:
      return "synchronous";
    case Mode::kPeriodic:
      return "periodic";
    case Mode::kFinalOnly:
      return "final_only";
    case Mode::kNever:
      return "never";
  }
  return "?";
}

absl::StatusOr<ExperimentResult> RunExperiment(
    const TrainTest& data, const ExperimentOptions& options) {
  std::vector<RankResult> ranks(
      static_cast<size_t>(std::max(0, options.world.ranks)));
  const sim::Report report =
      sim::World(options.world).Run([&](sim::RankContext& rank) {
        return TrainRank(data, options, rank,
                         ranks[static_cast<size_t>(rank.rank())]);
      });
  PARLEY_RETURN_IF_ERROR(report.status);

  const double n = static_cast<double>(ranks.size());
  ExperimentResult result;
  result.meetings = ranks[0].meetings;
  result.virtual_seconds = static_cast<double>(report.virtual_ns) / 1e9;
  result.trace_hash = report.trace_hash;
  for (const sim::RankReport& rank : report.ranks) {
    result.bytes_per_rank += static_cast<double>(rank.bytes_sent) / n;
    result.wait_seconds += static_cast<double>(rank.wait_ns) / 1e9 / n;
  }
  if (options.mode == Mode::kNever) {
    for (const RankResult& rank : ranks) {
      result.test_accuracy += rank.test_accuracy / n;
      result.final_fingerprint =
          HashCombine(result.final_fingerprint, rank.fingerprint);
    }
    return result;
  }
  PARLEY_RETURN_IF_ERROR(CheckReplicasEqual(ranks));
  result.test_accuracy = ranks[0].test_accuracy;
  result.final_fingerprint = ranks[0].fingerprint;
  return result;
}

}  // namespace parley::digits
