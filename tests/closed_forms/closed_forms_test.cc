// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Local SGD on quadratics has closed forms, and an averager that is wrong in
// any element, at any rank or at any step does not meet them. Forms that hold
// exactly are checked to the bit, on data for which no operation rounds: should
// one round after all, the test fails. Variances are sums over impulse
// responses, since the system is linear, and not the luck of a draw.
//
// The forms, with M ranks, H steps from meeting to meeting, learning rate eta
// and r = 1 - eta * lambda for a loss of curvature lambda:
//   E1  equal curvatures: the mean of the replicas moves as mini-batch SGD does
//   E2  curvatures lambda_i, minima b_i: a fixed point at
//       sum (1 - r_i^H) b_i / sum (1 - r_i^H)
//   E3  gradient noise of variance s^2: the synced model's variance tends to
//       eta^2 s^2 / (M (1 - r^2)), whatever H
//   E4  the same: before a meeting, replicas differ from their mean by
//       eta^2 s^2 (M - 1) / M * (1 - r^(2H)) / (1 - r^2), squared and averaged
//   E8  H = 1: synchronous data-parallel SGD
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "parley/averaging/model_averager.h"
#include "parley/averaging/parameters.h"
#include "parley/averaging/schedule.h"
#include "parley/base/random.h"
#include "parley/base/status_macros.h"
#include "parley/comm/communicator.h"
#include "parley/device/device.h"
#include "parley/device/tensor.h"
#include "parley/device/testing/device_array.h"
#include "parley/sim/world.h"
#include "parley/tests/support/backend.h"
#include "parley/tests/support/tested_averager.h"

namespace parley::testing {
namespace {

template <typename T>
using Model = std::vector<T>;

// One local step of a rank, in place.
template <typename T>
using LocalStep = std::function<void(int rank, int64_t step, Model<T>& model)>;

struct Setting {
  int ranks = 0;
  int64_t period = 0;  // H: the first meeting ends the H-th step
  int64_t steps = 0;
  std::vector<double> weights = {};  // one per rank; empty for equal ones
};

// What all ranks held before and after each call of the averager:
// [step][rank]. Zeros where a rank failed before.
template <typename T>
struct History {
  History(const Setting& setting, size_t count)
      : before(static_cast<size_t>(setting.steps),
               std::vector<Model<T>>(static_cast<size_t>(setting.ranks),
                                     Model<T>(count))),
        after(before) {}

  std::vector<std::vector<Model<T>>> before;
  std::vector<std::vector<Model<T>>> after;
};

// A model that is still being trained when the averager is called: the new
// values come by a copy behind an all-reduce, which takes longer than ranks
// need to open a meeting. Nothing may be written behind the model's end.
template <typename T>
class Replica {
 public:
  Replica(Device& device, const Model<T>& start)
      : loss_(device, 1),
        trained_(start),
        brought_(device, start.size()),
        memory_(device, start.size() + 1, kGuard) {
    copy_ = {brought_.view(), view()};
  }
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  TensorView view() {
    return memory_.view().Slice(0, static_cast<int64_t>(trained_.size()));
  }

  // What the next Enqueue() brings.
  Model<T>& trained() { return trained_; }

  absl::Status Enqueue(Communicator& training, Stream& stream) {
    std::copy(trained_.begin(), trained_.end(), brought_.values().begin());
    const TensorView loss = loss_.view();
    PARLEY_RETURN_IF_ERROR(
        training.AllReduce({loss}, {loss}, ReduceOp::kSum, stream).status());
    return training.device().Copy({&copy_, 1}, stream);
  }

  // Takes the model as it now is for what is to be trained further.
  absl::Status Read() {
    const absl::Span<T> values = memory_.values();
    std::copy(values.begin(), values.end() - 1, trained_.begin());
    if (values.back() == kGuard) return absl::OkStatus();
    return absl::InternalError("written past the end of the model");
  }

 private:
  static constexpr T kGuard = 12345;

  DeviceArray<double> loss_;
  Model<T> trained_;
  DeviceArray<T> brought_;
  DeviceArray<T> memory_;
  TensorCopy copy_;
};

template <typename T>
absl::Status TrainRank(const Setting& setting, const Model<T>& start,
                       const LocalStep<T>& local_step, sim::RankContext& rank,
                       History<T>& history) {
  Replica<T> replica(rank.communicator().device(), start);
  PARLEY_ASSIGN_OR_RETURN(
      ParameterSet parameters,
      ParameterSet::Create(
          {{.parameters = {{.name = "x", .tensor = replica.view()}}}}));
  PARLEY_ASSIGN_OR_RETURN(
      TestedAverager averager,
      TestedAverager::Create({.communicator = &rank.communicator(),
                              .parameters = std::move(parameters),
                              .schedule = PeriodicSchedule(
                                  {.period = setting.period,
                                   .first = FirstMeeting::kAfterPeriod})}));
  std::vector<int> all(static_cast<size_t>(setting.ranks));
  std::iota(all.begin(), all.end(), 0);
  PARLEY_ASSIGN_OR_RETURN(auto training, rank.communicator().Split(all));
  PARLEY_ASSIGN_OR_RETURN(auto stream, training->device().CreateStream());

  const auto r = static_cast<size_t>(rank.rank());
  const double weight = setting.weights.empty() ? 1 : setting.weights[r];
  for (int64_t step = 0; step < setting.steps; ++step) {
    local_step(rank.rank(), step, replica.trained());
    history.before[static_cast<size_t>(step)][r] = replica.trained();
    PARLEY_RETURN_IF_ERROR(replica.Enqueue(*training, *stream));
    PARLEY_ASSIGN_OR_RETURN(
        StepReport report,
        averager->Step({.weight = weight, .stream = stream.get()}));
    EXPECT_EQ(report.met, (step + 1) % setting.period == 0) << step;
    PARLEY_RETURN_IF_ERROR(stream->WaitHost(absl::InfiniteDuration()));
    PARLEY_RETURN_IF_ERROR(replica.Read());
    history.after[static_cast<size_t>(step)][r] = replica.trained();
  }
  return absl::OkStatus();
}

template <typename T>
History<T> Train(const Setting& setting, const Model<T>& start,
                 const LocalStep<T>& local_step) {
  History<T> history(setting, start.size());
  RunRanks({.ranks = setting.ranks}, [&](sim::RankContext& rank) {
    return TrainRank(setting, start, local_step, rank, history);
  });
  return history;
}

constexpr uint64_t kSeed = 20260701;

// A draw that depends on nothing but where it is made: every rank can make
// everyone's.
int64_t Draw(int rank, int64_t step, size_t element, int64_t bound) {
  const Random random = Random(kSeed).Fork("rank", static_cast<uint64_t>(rank));
  return static_cast<int64_t>(random.Fork("step", static_cast<uint64_t>(step))
                                  .Fork("element", element)
                                  .Uniform(static_cast<uint64_t>(bound)));
}

// Weighted by `weights`, or plain without.
template <typename T>
std::vector<double> MeanOf(const std::vector<Model<T>>& replicas,
                           const std::vector<double>& weights) {
  std::vector<double> mean(replicas[0].size());
  double total = 0;
  for (size_t r = 0; r < replicas.size(); ++r) {
    const double weight = weights.empty() ? 1 : weights[r];
    total += weight;
    for (size_t j = 0; j < mean.size(); ++j) {
      mean[j] += weight * static_cast<double>(replicas[r][j]);
    }
  }
  for (double& x : mean) x /= total;
  return mean;
}

template <typename T>
void ExpectAllDiffer(const std::vector<Model<T>>& replicas) {
  for (size_t r = 0; r < replicas.size(); ++r) {
    for (size_t q = 0; q < r; ++q) EXPECT_NE(replicas[q], replicas[r]);
  }
}

std::string Describe(const Setting& setting) {
  return absl::StrCat(setting.ranks, " ranks, H = ", setting.period, ", seed ",
                      kSeed);
}

// E1. With eta = 1/4 and integers, everything is a dyadic number of less than
// 53 bits: each step adds two, each factor of 2 in M one.

constexpr double kEta = 0.25;

double Curvature(size_t element) { return static_cast<double>(element % 6); }

// A rank's gradient noise: integers whose weighted mean over ranks is dyadic
// too. For that the last rank of weight 1 makes the sum a multiple of the odd
// part of the weights' sum.
double Noise(int rank, int64_t step, size_t element,
             const std::vector<double>& weights) {
  const auto total = static_cast<int64_t>(
      std::accumulate(weights.begin(), weights.end(), 0.0));
  int64_t odd = total;
  while (odd % 2 == 0) odd /= 2;
  const auto last = static_cast<int>(
      weights.rend() - std::find(weights.rbegin(), weights.rend(), 1.0) - 1);
  const int64_t own = Draw(rank, step, element, 32) - 16;
  if (rank != last) return static_cast<double>(own);
  int64_t sum = 0;
  for (size_t r = 0; r < weights.size(); ++r) {
    sum += static_cast<int64_t>(weights[r]) *
           (Draw(static_cast<int>(r), step, element, 32) - 16);
  }
  return static_cast<double>(own - sum % odd);
}

void ExpectMeanIsMiniBatchSgd(Setting setting) {
  SCOPED_TRACE(Describe(setting));
  setting.steps = 16;
  std::vector<double> weights = setting.weights;
  if (weights.empty()) weights.assign(static_cast<size_t>(setting.ranks), 1);
  Model<double> y = {3, -7, 0, 20, -1, 64, 5, -5, 11};
  const History<double> history =
      Train<double>(setting, y, [&](int rank, int64_t step, Model<double>& x) {
        for (size_t j = 0; j < x.size(); ++j) {
          x[j] -= kEta * (Curvature(j) * x[j] + Noise(rank, step, j, weights));
        }
      });

  for (int64_t step = 0; step < setting.steps; ++step) {
    const auto t = static_cast<size_t>(step);
    std::vector<Model<double>> noise(weights.size(), y);
    for (size_t r = 0; r < noise.size(); ++r) {
      for (size_t j = 0; j < y.size(); ++j) {
        noise[r][j] = Noise(static_cast<int>(r), step, j, weights);
      }
    }
    const std::vector<double> mean_noise = MeanOf(noise, weights);
    for (size_t j = 0; j < y.size(); ++j) {
      y[j] -= kEta * (Curvature(j) * y[j] + mean_noise[j]);
    }
    ExpectAllDiffer(history.before[t]);
    ASSERT_EQ(MeanOf(history.before[t], weights), y) << "step " << step;
    if ((step + 1) % setting.period != 0) continue;
    for (const Model<double>& x : history.after[t]) {
      ASSERT_EQ(x, y) << "step " << step;
    }
  }
}

TEST(ClosedFormsTest, E1_MeanOfReplicasIsMiniBatchSgd) {
  for (int ranks : {2, 3, 4, 5, 6, 7, 8}) {
    for (int64_t period : {1, 2, 5, 8, 16}) {
      ExpectMeanIsMiniBatchSgd({.ranks = ranks, .period = period});
    }
  }
}

TEST(ClosedFormsTest, E1_WeightsWeighTheNoise) {
  const std::vector<std::vector<double>> all_weights = {
      {1, 3}, {2, 0, 1}, {1, 2, 4, 1}, {5, 1, 0, 2, 4}};
  for (const std::vector<double>& weights : all_weights) {
    for (int64_t period : {1, 4}) {
      ExpectMeanIsMiniBatchSgd({.ranks = static_cast<int>(weights.size()),
                                .period = period,
                                .weights = weights});
    }
  }
}

// E2.

constexpr double kLambdas[] = {.5, 1, 2, .2};
constexpr double kMinima[] = {1, -2, 3, 10};
constexpr double kE2Eta = .2;

TEST(ClosedFormsTest, E2_FixedPointOfHeterogeneousQuadratics) {
  const std::pair<int64_t, double> expectations[] = {
      {1, 1.756757}, {2, 1.713970}, {8, 1.742317}, {64, 2.869815}};
  for (const auto& [period, expected] : expectations) {
    SCOPED_TRACE(period);
    double numerator = 0;
    double denominator = 0;
    double contraction = 0;  // of the distance to the fixed point, per round
    for (int i = 0; i < 4; ++i) {
      const double power =
          std::pow(1 - kE2Eta * kLambdas[i], static_cast<double>(period));
      numerator += (1 - power) * kMinima[i];
      denominator += 1 - power;
      contraction += power / 4;
    }
    const double rounds = std::ceil(std::log(1e-16) / std::log(contraction));
    const Setting setting = {.ranks = 4,
                             .period = period,
                             .steps = period * static_cast<int64_t>(rounds)};
    const History<double> history = Train<double>(
        setting, {0, 100, -100}, [](int rank, int64_t, Model<double>& x) {
          for (double& value : x) {
            value -= kE2Eta * kLambdas[rank] * (value - kMinima[rank]);
          }
        });
    ExpectAllDiffer(history.before.back());
    for (const Model<double>& replica : history.after.back()) {
      for (double x : replica) {
        EXPECT_NEAR(x, expected, 5e-7);
        EXPECT_NEAR(x, numerator / denominator, 1e-12);
      }
    }
  }
}

// E3 and E4, with eta = 0.1, lambda = 1 and s = 1. Element step * M + rank of
// the model carries the response to a unit of noise in that rank's gradient at
// that step. Noise being independent, variances are sums of their squares.

constexpr double kNoiseEta = .1;
constexpr double kR = 1 - kNoiseEta;

History<double> RespondToImpulses(const Setting& setting) {
  const auto count = static_cast<size_t>(setting.ranks * setting.steps);
  return Train<double>(setting, Model<double>(count, 0.0),
                       [&](int rank, int64_t step, Model<double>& x) {
                         for (double& value : x) value *= kR;
                         x[static_cast<size_t>(step * setting.ranks + rank)] -=
                             kNoiseEta;
                       });
}

TEST(ClosedFormsTest, E3_VarianceFallsWithRanksAndNotWithPeriod) {
  const std::pair<int, double> expectations[] = {{1, .052632}, {4, .013158}};
  for (const auto& [ranks, expected] : expectations) {
    for (int64_t period : {1, 2, 5, 20, 40}) {
      const Setting setting = {.ranks = ranks, .period = period, .steps = 80};
      SCOPED_TRACE(Describe(setting));
      const double stationary = kNoiseEta * kNoiseEta / (ranks * (1 - kR * kR));
      const double missing = std::pow(kR, 2 * 80);  // from before step 0
      const History<double> history = RespondToImpulses(setting);
      ExpectAllDiffer(history.before.back());
      for (const Model<double>& replica : history.after.back()) {
        const double variance = std::inner_product(
            replica.begin(), replica.end(), replica.begin(), 0.0);
        EXPECT_NEAR(variance, expected, 5e-7);
        EXPECT_NEAR(variance, stationary * (1 - missing), 1e-12);
      }
    }
  }
}

TEST(ClosedFormsTest, E4_DivergenceBeforeAMeeting) {
  struct Expectation {
    int ranks;
    int64_t period;
    double divergence;
  };
  for (const Expectation& e :
       {Expectation{4, 5, .025710}, Expectation{8, 20, .045372}}) {
    const Setting setting = {
        .ranks = e.ranks, .period = e.period, .steps = 3 * e.period};
    SCOPED_TRACE(Describe(setting));
    const double m = e.ranks;
    const double form =
        kNoiseEta * kNoiseEta * (m - 1) / m *
        (1 - std::pow(kR, 2.0 * static_cast<double>(e.period))) / (1 - kR * kR);
    const History<double> history = RespondToImpulses(setting);
    for (int round = 1; round <= 3; ++round) {
      const auto last = static_cast<size_t>(round * e.period - 1);
      const std::vector<Model<double>>& replicas = history.before[last];
      ExpectAllDiffer(replicas);
      const std::vector<double> mean = MeanOf(replicas, {});
      double divergence = 0;
      for (const Model<double>& x : replicas) {
        for (size_t j = 0; j < x.size(); ++j) {
          divergence += (x[j] - mean[j]) * (x[j] - mean[j]) / m;
        }
      }
      EXPECT_NEAR(divergence, e.divergence, 5e-7) << "round " << round;
      EXPECT_NEAR(divergence, form, 1e-12) << "round " << round;
    }
  }
}

// E8, on weighted absolute deviations sum_j c_j |x_j - b_j|, whose gradients
// are integers that depend on x. All values are multiples of 1/8 that fit 24
// bits, while the sums of a few of them do not: float32 replicas need the
// float64 sums that the averager promises.

constexpr double kE8Eta = 0.125;

double DeviationGradient(int ranks, int rank, int64_t step, size_t element,
                         double x) {
  const int64_t minimum = Draw(rank, 2 * step, element, 1 << 19) - (1 << 18);
  // A multiple of the number of ranks, so that the mean is an integer.
  const int64_t slope =
      ranks * Draw(rank, 2 * step + 1, element, 3 * (1 << 21) / ranks);
  const double sign = x > static_cast<double>(minimum) ? 1 : -1;
  return sign * static_cast<double>(slope);
}

template <typename T>
void ExpectSynchronousSgd(int ranks) {
  const Setting setting = {.ranks = ranks, .period = 1, .steps = 20};
  SCOPED_TRACE(
      absl::StrCat(Describe(setting), ", ", sizeof(T), " bytes per element"));
  std::vector<double> y(13);
  std::iota(y.begin(), y.end(), 0.125);
  const History<T> history = Train<T>(
      setting, Model<T>(y.begin(), y.end()),
      [&](int rank, int64_t step, Model<T>& x) {
        for (size_t j = 0; j < x.size(); ++j) {
          const double now = static_cast<double>(x[j]);
          x[j] = static_cast<T>(
              now - kE8Eta * DeviationGradient(ranks, rank, step, j, now));
        }
      });

  for (int64_t step = 0; step < setting.steps; ++step) {
    const auto t = static_cast<size_t>(step);
    for (size_t j = 0; j < y.size(); ++j) {
      double gradient = 0;
      for (int r = 0; r < ranks; ++r) {
        gradient += DeviationGradient(ranks, r, step, j, y[j]) / ranks;
      }
      y[j] -= kE8Eta * gradient;
    }
    ExpectAllDiffer(history.before[t]);
    for (const Model<T>& x : history.after[t]) {
      ASSERT_EQ(std::vector<double>(x.begin(), x.end()), y) << "step " << step;
    }
  }
}

TEST(ClosedFormsTest, E8_PeriodOneIsSynchronousDataParallelSgd) {
  for (int ranks : {2, 3, 4, 5, 7, 8}) {
    ExpectSynchronousSgd<double>(ranks);
    ExpectSynchronousSgd<float>(ranks);
  }
}

}  // namespace
}  // namespace parley::testing
