// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/gpu_check/parity.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "parley/averaging/model_averager.h"
#include "parley/averaging/parameters.h"
#include "parley/averaging/schedule.h"
#include "parley/base/hash.h"
#include "parley/base/random.h"
#include "parley/base/status_macros.h"
#include "parley/device/testing/values.h"
#include "parley/sim/world.h"

namespace parley::gpu_check {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(1);

// A tensor where it is averaged, and its bytes where it is trained.
struct Layer {
  Policy policy;
  DType dtype;
  int64_t elements;  // of memory
  Allocation host;
  Allocation device;
  TensorView view;  // on the device
};

class Model {
 public:
  explicit Model(Device& device) : device_(device) {}

  absl::Status Allocate(int64_t large) {
    PARLEY_RETURN_IF_ERROR(Add(Policy::kAverage, DType::kFloat32, large));
    PARLEY_RETURN_IF_ERROR(Add(Policy::kAverage, DType::kFloat16, 257));
    PARLEY_RETURN_IF_ERROR(Add(Policy::kAverage, DType::kFloat64, 33));
    PARLEY_RETURN_IF_ERROR(Add(Policy::kIntegerMean, DType::kInt32, 100));
    PARLEY_RETURN_IF_ERROR(Add(Policy::kBroadcast, DType::kUInt8, 11));
    PARLEY_RETURN_IF_ERROR(Add(Policy::kAverage, DType::kBFloat16, 7 * 8));
    // Seven rows of five, with gaps: it can only travel packed.
    Layer& strided = layers_.back();
    PARLEY_ASSIGN_OR_RETURN(
        strided.view, TensorView::Strided(strided.device.data(), strided.dtype,
                                          {7, 5}, {8, 1}, device_.id()));
    return absl::OkStatus();
  }

  absl::StatusOr<ParameterSet> Parameters() const {
    std::vector<ParameterGroup> groups;
    for (const Layer& layer : layers_) {
      const std::string name = absl::StrCat("layer", groups.size());
      ParameterGroup group;
      group.name = name;
      group.policy = layer.policy;
      group.parameters.push_back({.name = name, .tensor = layer.view});
      groups.push_back(std::move(group));
    }
    return ParameterSet::Create(std::move(groups));
  }

  // Replaces half of each tensor, so that the other half carries on what was
  // averaged before.
  void Train(Random random) {
    for (Layer& layer : layers_) {
      const int64_t half = (layer.elements + 1) / 2;
      const auto begin = static_cast<int64_t>(
          random.Uniform(static_cast<uint64_t>(layer.elements - half + 1)));
      FillWithHardValues(
          random, layer.dtype, half,
          static_cast<char*>(layer.host.data()) + begin * SizeOf(layer.dtype));
    }
  }

  absl::Status ToDevice(Stream& stream) { return Move(stream, true); }

  // The hash of all bytes, once they are back.
  absl::StatusOr<uint64_t> FromDevice(Stream& stream) {
    PARLEY_RETURN_IF_ERROR(Move(stream, false));
    PARLEY_RETURN_IF_ERROR(stream.WaitHost(kPatience));
    uint64_t hash = 0;
    for (const Layer& layer : layers_) {
      hash = HashBytes(
          layer.host.data(),
          static_cast<size_t>(layer.elements * SizeOf(layer.dtype)), hash);
    }
    return hash;
  }

 private:
  absl::Status Add(Policy policy, DType dtype, int64_t elements) {
    const int64_t bytes = elements * SizeOf(dtype);
    PARLEY_ASSIGN_OR_RETURN(
        Allocation host,
        Allocation::Create(device_.host_visible_allocator(), bytes));
    PARLEY_ASSIGN_OR_RETURN(Allocation device,
                            Allocation::Create(device_.allocator(), bytes));
    // What training has not reached yet is the same everywhere.
    Random random(1);
    FillWithHardValues(random, dtype, elements, host.data());
    const TensorView view(device.data(), dtype, elements, device_.id());
    layers_.push_back(
        {policy, dtype, elements, std::move(host), std::move(device), view});
    return absl::OkStatus();
  }

  absl::Status Move(Stream& stream, bool to_device) {
    std::vector<TensorCopy> copies;
    for (const Layer& layer : layers_) {
      const TensorView host(layer.host.data(), layer.dtype, layer.elements,
                            device_.id());
      const TensorView device(layer.device.data(), layer.dtype, layer.elements,
                              device_.id());
      copies.push_back(to_device ? TensorCopy{host, device}
                                 : TensorCopy{device, host});
    }
    return device_.Copy(
        {copies.data(), static_cast<int64_t>(copies.size()), false}, stream);
  }

  Device& device_;
  std::vector<Layer> layers_;
};

// At least one is not 0 in every step, whatever the number of ranks.
double WeightOf(int rank, int step) {
  if (rank == step % 2) return 1;
  return (rank + step) % 3 == 0 ? 0 : 2.5;
}

absl::StatusOr<std::unique_ptr<ModelAverager>> MakeAverager(
    Communicator& comm, const Model& model) {
  PARLEY_ASSIGN_OR_RETURN(ParameterSet parameters, model.Parameters());
  return ModelAverager::Create({.communicator = &comm,
                                .parameters = std::move(parameters),
                                .schedule = PeriodicSchedule({.period = 1})});
}

// Ranks 0 and n-1 meet, the others belong to no group.
absl::Status MeetInAPair(Communicator& comm, Model& model, Stream& stream,
                         std::vector<uint64_t>& prints) {
  const bool member = comm.rank() == 0 || comm.rank() == comm.size() - 1;
  PARLEY_ASSIGN_OR_RETURN(
      const auto pair, comm.Split(member ? std::vector<int>{0, comm.size() - 1}
                                         : std::vector<int>{}));
  if (pair == nullptr) return absl::OkStatus();
  PARLEY_RETURN_IF_ERROR(model.ToDevice(stream));
  PARLEY_ASSIGN_OR_RETURN(const auto averager, MakeAverager(*pair, model));
  PARLEY_ASSIGN_OR_RETURN(const StepReport report,
                          averager->Step({.stream = &stream}));
  prints.push_back(report.model_fingerprint);
  PARLEY_ASSIGN_OR_RETURN(const uint64_t hash, model.FromDevice(stream));
  prints.push_back(hash);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<uint64_t>> RunParity(Communicator& comm,
                                                const ParityOptions& options) {
  if (comm.size() < 2) return absl::InvalidArgumentError("needs two ranks");
  const Random random =
      Random(options.seed).Fork("rank", static_cast<uint64_t>(comm.rank()));
  PARLEY_ASSIGN_OR_RETURN(const auto stream, comm.device().CreateStream());
  Model model(comm.device());
  PARLEY_RETURN_IF_ERROR(model.Allocate(options.large));
  std::vector<uint64_t> prints;
  {
    PARLEY_ASSIGN_OR_RETURN(const auto averager, MakeAverager(comm, model));
    for (int step = 0; step < options.meetings; ++step) {
      model.Train(random.Fork("step", static_cast<uint64_t>(step)));
      PARLEY_RETURN_IF_ERROR(model.ToDevice(*stream));
      PARLEY_ASSIGN_OR_RETURN(
          const StepReport report,
          averager->Step(
              {.weight = WeightOf(comm.rank(), step), .stream = stream.get()}));
      prints.push_back(report.model_fingerprint);
      PARLEY_ASSIGN_OR_RETURN(const uint64_t hash, model.FromDevice(*stream));
      prints.push_back(hash);
    }
    model.Train(random.Fork("finish"));
    PARLEY_RETURN_IF_ERROR(model.ToDevice(*stream));
    PARLEY_RETURN_IF_ERROR(averager->Finish(stream.get()));
    prints.push_back(averager->last_meeting().model_fingerprint);
    PARLEY_ASSIGN_OR_RETURN(const uint64_t hash, model.FromDevice(*stream));
    prints.push_back(hash);
  }
  model.Train(random.Fork("pair"));
  PARLEY_RETURN_IF_ERROR(MeetInAPair(comm, model, *stream, prints));
  return prints;
}

absl::StatusOr<std::vector<std::vector<uint64_t>>> SimulateParity(
    int ranks, const ParityOptions& options) {
  std::vector<std::vector<uint64_t>> prints(static_cast<size_t>(ranks));
  const sim::Report report =
      sim::World({.ranks = ranks}).Run([&](sim::RankContext& rank) {
        auto got = RunParity(rank.communicator(), options);
        if (!got.ok()) return got.status();
        prints[static_cast<size_t>(rank.rank())] = *std::move(got);
        return absl::OkStatus();
      });
  PARLEY_RETURN_IF_ERROR(report.status);
  return prints;
}

absl::Status CompareParity(const std::vector<uint64_t>& got,
                           const std::vector<uint64_t>& expected) {
  if (got.size() != expected.size()) {
    return absl::InternalError(absl::StrCat(
        got.size(), " fingerprints, the simulator has ", expected.size()));
  }
  for (size_t i = 0; i < got.size(); ++i) {
    if (got[i] == expected[i]) continue;
    return absl::InternalError(absl::StrCat(
        i % 2 == 0 ? "fingerprint" : "bytes", " of meeting ", i / 2, ": ",
        absl::Hex(got[i]), ", the simulator has ", absl::Hex(expected[i])));
  }
  return absl::OkStatus();
}

}  // namespace parley::gpu_check
