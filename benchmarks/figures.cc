// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/benchmarks/figures.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "parley/averaging/model_averager.h"
#include "parley/base/status_macros.h"
#include "parley/benchmarks/heap_count.h"
#include "parley/device/cpu/kernel_ranges.h"
#include "parley/sim/world.h"

namespace parley::benchmarks {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr int kRepetitions = 7;

double Seconds(absl::FunctionRef<void()> work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

// Memory whose pages exist.
std::vector<float> Floats(int64_t count, float value) {
  return std::vector<float>(static_cast<size_t>(count), value);
}

// Calls work(begin, end) for a part of [0, count) on each core.
void OnAllCores(int64_t count,
                absl::FunctionRef<void(int64_t begin, int64_t end)> work) {
  const int64_t n = std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < n; ++i) {
    threads.emplace_back([=] { work(count * i / n, count * (i + 1) / n); });
  }
  for (std::thread& thread : threads) thread.join();
}

// A copy of `bytes` bytes on all cores.
class ParallelCopy {
 public:
  explicit ParallelCopy(int64_t bytes)
      : from_(static_cast<size_t>(bytes), 1), to_(from_.size(), 2) {}

  void Run() {
    OnAllCores(static_cast<int64_t>(from_.size()),
               [this](int64_t begin, int64_t end) {
                 std::memcpy(&to_[begin], &from_[begin], end - begin);
               });
  }

 private:
  std::vector<char> from_;
  std::vector<char> to_;
};

// The mean of replicas into all of them, on all cores.
class ParallelMean {
 public:
  ParallelMean(int replicas, int64_t count) {
    for (int i = 0; i < replicas; ++i) {
      replicas_.push_back(Floats(count, 1.0f + static_cast<float>(i)));
      inputs_.push_back(replicas_.back().data());
      outputs_.push_back(replicas_.back().data());
    }
    args_.dtype = DType::kFloat32;
    args_.num_inputs = replicas;
    args_.num_outputs = replicas;
    args_.inputs = inputs_.data();
    args_.outputs = outputs_.data();
    args_.count = count;
  }

  void Run() {
    OnAllCores(args_.count, [this](int64_t begin, int64_t end) {
      MeanRange(args_, begin, end);
    });
  }

 private:
  std::vector<std::vector<float>> replicas_;
  std::vector<const void*> inputs_;
  std::vector<void*> outputs_;
  MeanArgs args_;
};

Figure MedianFigure(const std::string& name, std::vector<double> values,
                    const std::string& unit, double target, bool at_least) {
  std::sort(values.begin(), values.end());
  return {name,         values[values.size() / 2],
          unit,         target,
          at_least,     values.front(),
          values.back()};
}

sim::WorldOptions FastWorld(int ranks) {
  sim::WorldOptions options;
  options.ranks = ranks;
  options.check_buffers = false;
  options.hash_payloads = false;
  return options;
}

// Runs `prepare` and then, several times, what it returns on every rank at
// once, and in between `reference` on rank 0 alone. Returns the ratios of the
// reference's time to the other.
using RankWork = std::function<absl::Status()>;
absl::StatusOr<std::vector<double>> Ratios(
    const sim::WorldOptions& options,
    const std::function<absl::StatusOr<RankWork>(sim::RankContext&)>& prepare,
    const std::function<void()>& reference) {
  std::vector<double> ratios;
  const sim::Report report =
      sim::World(options).Run([&](sim::RankContext& rank) -> absl::Status {
        Communicator& comm = rank.communicator();
        PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
        PARLEY_ASSIGN_OR_RETURN(RankWork work, prepare(rank));
        const auto barrier = [&]() -> absl::Status {
          PARLEY_ASSIGN_OR_RETURN(Work done, comm.Barrier(*stream));
          return done.WaitHost();
        };
        for (int i = -1; i < kRepetitions; ++i) {
          PARLEY_RETURN_IF_ERROR(barrier());
          absl::Status status;
          const double work_s = Seconds([&] { status = work(); });
          PARLEY_RETURN_IF_ERROR(status);
          PARLEY_RETURN_IF_ERROR(barrier());
          if (rank.rank() != 0) continue;
          const double reference_s = Seconds(reference);
          // The first time fills caches and pools.
          if (i >= 0) ratios.push_back(reference_s / work_s);
        }
        return absl::OkStatus();
      });
  PARLEY_RETURN_IF_ERROR(report.status);
  return ratios;
}

absl::StatusOr<std::unique_ptr<ModelAverager>> AverageEveryStep(
    Communicator& comm, std::vector<Parameter> parameters) {
  PARLEY_ASSIGN_OR_RETURN(
      ParameterSet set,
      ParameterSet::Create({{.parameters = std::move(parameters)}}));
  return ModelAverager::Create({.communicator = &comm,
                                .parameters = std::move(set),
                                .schedule = PeriodicSchedule({.period = 1})});
}

}  // namespace

absl::StatusOr<std::vector<Figure>> MeanOfCopy(int replicas) {
  constexpr int64_t kCount = 16 * 1000 * 1000;
  ParallelCopy copy(replicas * kCount * static_cast<int64_t>(sizeof(float)));
  ParallelMean mean(replicas, kCount);
  std::vector<double> ratios;
  for (int i = -1; i < kRepetitions; ++i) {
    const double mean_s = Seconds([&] { mean.Run(); });
    const double copy_s = Seconds([&] { copy.Run(); });
    // The first time fills caches.
    if (i >= 0) ratios.push_back(copy_s / mean_s);
  }
  return std::vector<Figure>{MedianFigure(
      replicas == 8 ? "mean_of_copy" : absl::StrCat("mean_of_copy_", replicas),
      ratios, "ratio", 1.0, true)};
}

absl::StatusOr<std::vector<Figure>> MeetingOfCopy() {
  constexpr int64_t kBytes = 64 * 1000 * 1000;
  constexpr int kRanks = 8;
  ParallelCopy copy(kRanks * kBytes);
  PARLEY_ASSIGN_OR_RETURN(
      std::vector<double> ratios,
      Ratios(
          FastWorld(kRanks),
          [&](sim::RankContext& rank) -> absl::StatusOr<RankWork> {
            auto values = std::make_shared<std::vector<float>>(
                Floats(kBytes / 4, 1.0f + static_cast<float>(rank.rank())));
            PARLEY_ASSIGN_OR_RETURN(
                std::shared_ptr<ModelAverager> averager,
                AverageEveryStep(
                    rank.communicator(),
                    {{.name = "model",
                      .tensor = TensorView::Of(absl::MakeSpan(*values))}}));
            return RankWork(
                [values, averager] { return averager->Step().status(); });
          },
          [&] { copy.Run(); }));
  return std::vector<Figure>{
      MedianFigure("meeting_of_copy", ratios, "ratio", 0.45, true)};
}

absl::StatusOr<std::vector<Figure>> SmallTensorsRatio() {
  constexpr int kTensors = 2300;
  constexpr int64_t kCount = 4096;
  std::vector<double> ratios;
  const sim::Report report =
      sim::World(FastWorld(8)).Run([&](sim::RankContext& rank) -> absl::Status {
        std::vector<std::vector<float>> small(kTensors);
        std::vector<float> large = Floats(kTensors * kCount, 1.0f);
        std::vector<Parameter> parameters;
        for (int i = 0; i < kTensors; ++i) {
          small[i] = Floats(kCount, 1.0f);
          parameters.push_back(
              {.name = absl::StrCat("tensor ", i),
               .tensor = TensorView::Of(absl::MakeSpan(small[i]))});
        }
        PARLEY_ASSIGN_OR_RETURN(
            auto many, AverageEveryStep(rank.communicator(), parameters));
        PARLEY_ASSIGN_OR_RETURN(
            auto one, AverageEveryStep(
                          rank.communicator(),
                          {{.name = "model",
                            .tensor = TensorView::Of(absl::MakeSpan(large))}}));
        for (int i = -1; i < kRepetitions; ++i) {
          absl::Status status;
          const double one_s = Seconds([&] { status = one->Step().status(); });
          PARLEY_RETURN_IF_ERROR(status);
          const double many_s =
              Seconds([&] { status = many->Step().status(); });
          PARLEY_RETURN_IF_ERROR(status);
          if (rank.rank() == 0 && i >= 0) ratios.push_back(one_s / many_s);
        }
        return absl::OkStatus();
      });
  PARLEY_RETURN_IF_ERROR(report.status);
  return std::vector<Figure>{
      MedianFigure("small_tensors_ratio", ratios, "ratio", 0.8, true)};
}

absl::StatusOr<std::vector<Figure>> IdleStep() {
  constexpr int64_t kSteps = 20'000'000;
  std::vector<double> ns;
  int64_t allocations = 0;
  const sim::Report report =
      sim::World({.ranks = 2}).Run([&](sim::RankContext& rank) -> absl::Status {
        std::vector<float> values(16);
        PARLEY_ASSIGN_OR_RETURN(
            ParameterSet set,
            ParameterSet::Create(
                {{.parameters = {
                      {.name = "model",
                       .tensor = TensorView::Of(absl::MakeSpan(values))}}}}));
        PARLEY_ASSIGN_OR_RETURN(
            auto averager,
            ModelAverager::Create(
                {.communicator = &rank.communicator(),
                 .parameters = std::move(set),
                 .schedule = PeriodicSchedule(
                     {.period = 8, .warmup_steps = int64_t{1} << 60})}));
        if (rank.rank() != 0) return absl::OkStatus();
        for (int i = 0; i < kRepetitions; ++i) {
          absl::Status status;
          HeapCount::Reset();
          const double seconds = Seconds([&] {
            for (int64_t step = 0; step < kSteps; ++step) {
              absl::StatusOr<StepReport> report = averager->Step();
              if (!report.ok()) status = report.status();
            }
          });
          allocations += HeapCount::Allocations();
          PARLEY_RETURN_IF_ERROR(status);
          ns.push_back(seconds * 1e9 / kSteps);
        }
        return absl::OkStatus();
      });
  PARLEY_RETURN_IF_ERROR(report.status);
  return std::vector<Figure>{
      MedianFigure("idle_step_ns", ns, "ns", 10, false),
      MedianFigure("idle_step_allocations", {static_cast<double>(allocations)},
                   "allocations", 0, false)};
}

absl::StatusOr<std::vector<Figure>> MeetingExtraBytes() {
  constexpr int64_t kBytes = 1'000'000'000;
  constexpr int kRanks = 2;
  std::vector<std::vector<float>> models(kRanks);
  for (auto& model : models) model = Floats(kBytes / 4, 1.0f);
  sim::WorldOptions options = FastWorld(kRanks);
  options.allocator = &CountingAllocator();
  HeapCount::Reset();
  const sim::Report report =
      sim::World(options).Run([&](sim::RankContext& rank) -> absl::Status {
        PARLEY_ASSIGN_OR_RETURN(
            auto averager,
            AverageEveryStep(rank.communicator(),
                             {{.name = "model",
                               .tensor = TensorView::Of(
                                   absl::MakeSpan(models[rank.rank()]))}}));
        return averager->Step().status();
      });
  PARLEY_RETURN_IF_ERROR(report.status);
  return std::vector<Figure>{
      MedianFigure("meeting_extra_bytes",
                   {static_cast<double>(HeapCount::PeakBytes()) / kRanks},
                   "bytes", 64 * kMiB, false)};
}

absl::StatusOr<std::vector<Figure>> SimulatorCalls() {
  constexpr int kRanks = 64;
  constexpr int kCalls = 4000;
  std::vector<double> rates;
  for (int i = 0; i < kRepetitions; ++i) {
    sim::WorldOptions options;
    options.ranks = kRanks;
    double seconds = 0;
    const sim::Report report =
        sim::World(options).Run([&](sim::RankContext& rank) -> absl::Status {
          Communicator& comm = rank.communicator();
          PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
          absl::Status status;
          const double elapsed = Seconds([&] {
            for (int call = 0; call < kCalls && status.ok(); ++call) {
              absl::StatusOr<Work> work = comm.Barrier(*stream);
              status = work.ok() ? work->WaitHost() : work.status();
            }
          });
          if (rank.rank() == 0) seconds = elapsed;
          return status;
        });
    PARLEY_RETURN_IF_ERROR(report.status);
    rates.push_back(kRanks * kCalls / seconds);
  }
  return std::vector<Figure>{MedianFigure("simulator_calls_per_second", rates,
                                          "calls/s", 200'000, true)};
}

absl::StatusOr<std::vector<Figure>> ThousandRanks() {
  constexpr int kMeetings = 1000;
  sim::WorldOptions options;
  options.ranks = 1024;
  options.hosts = 128;
  absl::Status status;
  const double seconds = Seconds([&] {
    status =
        sim::World(options)
            .Run([](sim::RankContext& rank) -> absl::Status {
              std::vector<float> values(256, 1.0f);
              PARLEY_ASSIGN_OR_RETURN(
                  auto averager,
                  AverageEveryStep(
                      rank.communicator(),
                      {{.name = "model",
                        .tensor = TensorView::Of(absl::MakeSpan(values))}}));
              for (int i = 0; i < kMeetings; ++i) {
                rank.Compute(absl::Milliseconds(1));
                PARLEY_RETURN_IF_ERROR(averager->Step().status());
              }
              return absl::OkStatus();
            })
            .status;
  });
  PARLEY_RETURN_IF_ERROR(status);
  return std::vector<Figure>{
      MedianFigure("thousand_ranks_seconds", {seconds}, "s", 60, false)};
}

}  // namespace parley::benchmarks
