// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/examples/digits/rank.h"

#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/averaging/schedule.h"
#include "parley/base/hash.h"
#include "parley/base/status_macros.h"
#include "parley/device/cpu/cpu_device.h"
#include "parley/device/device.h"
#include "parley/examples/digits/host_averager.h"
#include "parley/examples/digits/trainer.h"

namespace parley::digits {
namespace {

enum class Which { kValues, kGradients };

std::vector<HostTensor> Tensors(const Mlp& model, Which which) {
  std::vector<HostTensor> tensors;
  for (const Mlp::Tensor& tensor : model.tensors()) {
    tensors.push_back(
        {std::string(tensor.name.data(), tensor.name.size()),
         which == Which::kValues ? tensor.value : tensor.gradient});
  }
  return tensors;
}

// The averagers of a rank; null where the mode does not need one.
struct Averagers {
  std::unique_ptr<HostAverager> gradients;
  std::unique_ptr<HostAverager> model;
};

absl::StatusOr<Averagers> CreateAveragers(Communicator& communicator,
                                          const TrainingOptions& options,
                                          const Mlp& model) {
  Averagers averagers;
  if (options.mode == Mode::kSynchronous ||
      (options.mode == Mode::kPeriodic && options.warmup_steps > 0)) {
    PARLEY_ASSIGN_OR_RETURN(
        averagers.gradients,
        HostAverager::Create(communicator, Tensors(model, Which::kGradients),
                             PeriodicSchedule({.period = 1})));
  }
  if (options.mode == Mode::kPeriodic || options.mode == Mode::kFinalOnly) {
    // A period of all steps meets only in Finish().
    const bool periodic = options.mode == Mode::kPeriodic;
    PARLEY_ASSIGN_OR_RETURN(
        averagers.model,
        HostAverager::Create(
            communicator, Tensors(model, Which::kValues),
            PeriodicSchedule(
                {.period = periodic ? options.period : options.steps + 1,
                 .warmup_steps = periodic ? options.warmup_steps : 0,
                 .first = FirstMeeting::kAfterPeriod})));
  }
  return averagers;
}

absl::StatusOr<uint64_t> FingerprintOf(const Mlp& model) {
  uint64_t fingerprint = 0;
  CpuDevice host;
  PARLEY_ASSIGN_OR_RETURN(auto stream, host.CreateStream());
  for (const Mlp::Tensor& tensor : model.tensors()) {
    const FingerprintPiece piece = {
        .data = tensor.value.data(),
        .dtype = DType::kFloat32,
        .count = static_cast<int64_t>(tensor.value.size()),
        .tensor_id = HashString(tensor.name)};
    PARLEY_RETURN_IF_ERROR(
        host.Fingerprint({&piece, 1, &fingerprint}, *stream));
    PARLEY_RETURN_IF_ERROR(stream->WaitHost(absl::InfiniteDuration()));
  }
  return fingerprint;
}

// All steps, and what has to come behind them.
absl::Status Train(Trainer& trainer, const Averagers& averagers, double weight,
                   const TrainingOptions& options,
                   const std::function<void(int64_t)>& on_gradients) {
  for (int64_t step = 0; step < options.steps; ++step) {
    trainer.ComputeGradients();
    if (on_gradients) on_gradients(step);
    if (averagers.gradients != nullptr &&
        (options.mode == Mode::kSynchronous || step < options.warmup_steps)) {
      PARLEY_RETURN_IF_ERROR(averagers.gradients->Step());
    }
    trainer.ApplyGradients();
    if (averagers.model != nullptr) {
      PARLEY_RETURN_IF_ERROR(averagers.model->Step(weight));
    }
  }
  return averagers.model == nullptr ? absl::OkStatus()
                                    : averagers.model->Finish();
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

absl::StatusOr<TrainingResult> RunRank(
    Communicator& communicator, const TrainTest& data,
    const TrainingOptions& options,
    const std::function<void(int64_t steps)>& on_gradients) {
  const int rank = communicator.rank();
  PARLEY_ASSIGN_OR_RETURN(
      const std::unique_ptr<Trainer> trainer,
      Trainer::Create(data.train, {.ranks = communicator.size(),
                                   .rank = rank,
                                   .sharding = options.sharding,
                                   .seed = options.seed}));
  PARLEY_ASSIGN_OR_RETURN(
      const Averagers averagers,
      CreateAveragers(communicator, options, trainer->model()));
  const double weight =
      options.weights.empty() ? 1 : options.weights[static_cast<size_t>(rank)];
  PARLEY_RETURN_IF_ERROR(
      Train(*trainer, averagers, weight, options, on_gradients));
  TrainingResult result;
  for (const HostAverager* averager :
       {averagers.gradients.get(), averagers.model.get()}) {
    if (averager != nullptr) result.meetings += averager->meetings();
  }
  PARLEY_ASSIGN_OR_RETURN(result.fingerprint, FingerprintOf(trainer->model()));
  // Replicas are equal but for kNever, so one of them is enough.
  if (rank == 0 || options.mode == Mode::kNever) {
    result.test_accuracy = trainer->model().Accuracy(data.test);
  }
  return result;
}

absl::StatusOr<TrainingResult> CombineResults(
    Mode mode, absl::Span<const TrainingResult> ranks) {
  TrainingResult result = ranks[0];
  if (mode == Mode::kNever) {
    result.test_accuracy = 0;
    result.fingerprint = 0;
    for (const TrainingResult& rank : ranks) {
      result.test_accuracy +=
          rank.test_accuracy / static_cast<double>(ranks.size());
      result.fingerprint = HashCombine(result.fingerprint, rank.fingerprint);
    }
    return result;
  }
  for (size_t i = 1; i < ranks.size(); ++i) {
    if (ranks[i].fingerprint != ranks[0].fingerprint) {
      return absl::InternalError(absl::StrCat(
          "replicas differ: rank ", i, " has fingerprint ",
          absl::Hex(ranks[i].fingerprint, absl::kZeroPad16), ", rank 0 has ",
          absl::Hex(ranks[0].fingerprint, absl::kZeroPad16)));
    }
  }
  return result;
}

absl::StatusOr<TrainingResult> GatherResults(Communicator& communicator,
                                             Mode mode,
                                             const TrainingResult& mine) {
  static_assert(std::is_trivially_copyable_v<TrainingResult>);
  constexpr auto kBytes = static_cast<int64_t>(sizeof(TrainingResult));
  Device& device = communicator.device();
  std::vector<TrainingResult> results(static_cast<size_t>(communicator.size()));
  const int64_t bytes = kBytes * communicator.size();
  PARLEY_ASSIGN_OR_RETURN(
      const Allocation memory,
      Allocation::Create(device.host_visible_allocator(), bytes));
  PARLEY_ASSIGN_OR_RETURN(const auto stream, device.CreateStream());
  const TensorView all(memory.data(), DType::kUInt8, bytes, device.id());
  const TensorView own = all.Slice(kBytes * communicator.rank(), kBytes);
  std::memcpy(own.data(), &mine, sizeof(mine));
  PARLEY_ASSIGN_OR_RETURN(
      Work work, communicator.AllGather({&own, 1}, {&all, 1}, *stream));
  PARLEY_RETURN_IF_ERROR(work.WaitHost());
  std::memcpy(results.data(), memory.data(), static_cast<size_t>(bytes));
  return CombineResults(mode, results);
}

}  // namespace parley::digits
