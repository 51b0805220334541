// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Case C31: averages over time after ten updates against their closed forms.
//
// Exact in every dtype: the models x are made from averages y that are small
// integers, so that no update rounds. The closed forms are sums over x.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/averaging/checkpoint.h"
#include "parley/averaging/parameters.h"
#include "parley/averaging/state.h"
#include "parley/averaging/temporal_average.h"
#include "parley/base/random.h"
#include "parley/base/status_macros.h"
#include "parley/device/cpu/cpu_device.h"
#include "parley/device/tensor.h"
#include "parley/sim/world.h"
#include "parley/tests/cases/harness.h"
#include "parley/tests/cases/replica.h"
#include "parley/tests/support/backend.h"
#include "parley/tests/support/reference.h"
#include "parley/tests/support/tested_averager.h"

namespace parley::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kUpdates = 10;
constexpr int kLength = 37;
constexpr DType kFloats[] = {DType::kFloat32, DType::kFloat64, DType::kFloat16,
                             DType::kBFloat16};

using Series = std::array<double, kUpdates>;

// EMA: (1 - d) sum over n > 0 of d^(N - n) x_n, and d^N x_0, with N the last n.
double EmaOf(double decay, const Series& x) {
  double sum = std::pow(decay, kUpdates - 1) * x[0];
  for (int n = 1; n < kUpdates; ++n) {
    sum += (1 - decay) * std::pow(decay, kUpdates - 1 - n) *
           x[static_cast<size_t>(n)];
  }
  return sum;
}

// SWA: the mean.
double SwaOf(const Series& x) {
  double sum = 0;
  for (double value : x) sum += value;
  return sum / kUpdates;
}

// Averages that go from integer to integer by powers of two, and the models
// that make them do so.
constexpr Series kSteps = {4, 6, 5, 7, 3, 4, 8, 6, 10, 9};

Series ModelsOf(TemporalAverage::Kind kind, double decay, double offset) {
  Series x;
  double before = 0;
  for (size_t n = 0; n < x.size(); ++n) {
    const double y = kSteps[n] + offset;
    const double t = kind == TemporalAverage::kEma
                         ? 1 - decay
                         : 1 / (static_cast<double>(n) + 1);
    x[n] = n == 0 ? y : before + (y - before) / t;
    before = y;
  }
  return x;
}

// A tensor of each floating-point dtype.
std::vector<GroupSpec> Vectors() {
  GroupSpec group;
  for (DType dtype : kFloats) {
    group.tensors.push_back(
        {.name = std::string(Name(dtype)), .dtype = dtype, .shape = {kLength}});
  }
  return {group};
}

char* Element(const ParameterSet& model, size_t tensor, int index) {
  const TensorView& view = model.entries()[tensor].parameter.tensor;
  return static_cast<char*>(view.data()) + index * SizeOf(view.dtype());
}

void Set(const ParameterSet& model, size_t tensor, int index, double value) {
  FromDouble(kFloats[tensor], value, Element(model, tensor, index));
}

double Get(const ParameterSet& model, size_t tensor, int index) {
  return ToDouble(kFloats[tensor], Element(model, tensor, index));
}

std::unique_ptr<TemporalAverage> Make(const ParameterSet& parameters,
                                      Device& device,
                                      const TemporalAverage::Options& options) {
  auto average = TemporalAverage::Create(parameters, device, options);
  EXPECT_TRUE(average.ok()) << average.status();
  return *std::move(average);
}

// Element i follows the models of `kind` for averages that are i % 5 higher.
void ExpectExact(const TemporalAverage::Options& options) {
  CpuDevice device;
  Replica model_replica(0, Vectors());
  Replica average_replica(0, Vectors());
  const ParameterSet model = model_replica.Parameters();
  const ParameterSet average = average_replica.Parameters();
  const auto temporal = Make(model, device, options);
  const auto models = [&](int index) {
    return ModelsOf(options.kind, options.decay, index % 5);
  };
  for (int n = 0; n < kUpdates; ++n) {
    for (size_t t = 0; t < std::size(kFloats); ++t) {
      for (int i = 0; i < kLength; ++i) {
        Set(model, t, i, models(i)[static_cast<size_t>(n)]);
        ASSERT_EQ(Get(model, t, i), models(i)[static_cast<size_t>(n)]);
      }
    }
    ASSERT_TRUE(temporal->Update().ok());
  }
  EXPECT_EQ(temporal->count(), kUpdates);
  ASSERT_TRUE(temporal->CopyTo(average).ok());
  for (size_t t = 0; t < std::size(kFloats); ++t) {
    for (int i = 0; i < kLength; ++i) {
      const Series x = models(i);
      EXPECT_EQ(Get(average, t, i), options.kind == TemporalAverage::kEma
                                        ? EmaOf(options.decay, x)
                                        : SwaOf(x))
          << Name(kFloats[t]) << "[" << i << "]";
    }
  }
}

TEST(CasesTest, C31_EmaAfterTenUpdatesIsItsClosedForm) {
  for (double decay : {0.0, 0.5, 0.75}) {
    ExpectExact({.kind = TemporalAverage::kEma, .decay = decay});
  }
}

TEST(CasesTest, C31_SwaAfterTenUpdatesIsItsClosedForm) {
  ExpectExact({.kind = TemporalAverage::kSwa});
}

// PyTorch's decay, and values that round, all of them between 1 and 2. An
// update rounds once to what the average is kept in, which has 32 bits at
// least, and in float64 a few times less than the last place of 1; what it was
// wrong by before counts d-fold in an EMA, and n / (n + 1)-fold in an SWA. In
// the end a 16-bit tensor is written with one rounding more.
void ExpectNear(const TemporalAverage::Options& options) {
  CpuDevice device;
  Replica model_replica(0, Vectors());
  Replica average_replica(0, Vectors());
  const ParameterSet model = model_replica.Parameters();
  const ParameterSet average = average_replica.Parameters();
  Random random(31);
  const auto temporal = Make(model, device, options);
  std::vector<Series> x(std::size(kFloats) * kLength);
  double growth = 0;
  for (size_t n = 0; n < kUpdates; ++n) {
    for (size_t k = 0; k < x.size(); ++k) {
      const size_t t = k / kLength;
      const int i = static_cast<int>(k % kLength);
      Set(model, t, i, 1 + random.UniformDouble());
      x[k][n] = Get(model, t, i);
    }
    ASSERT_TRUE(temporal->Update().ok());
    const auto kept = static_cast<double>(n) / (static_cast<double>(n) + 1);
    growth = 1 + growth * (options.kind == TemporalAverage::kEma ? options.decay
                                                                 : kept);
  }
  ASSERT_TRUE(temporal->CopyTo(average).ok());
  for (size_t k = 0; k < x.size(); ++k) {
    const DType dtype = kFloats[k / kLength];
    const double expected = options.kind == TemporalAverage::kEma
                                ? EmaOf(options.decay, x[k])
                                : SwaOf(x[k]);
    const bool narrow = SizeOf(dtype) < 4;
    const double kept = HalfUnit(narrow ? DType::kFloat32 : dtype);
    const double written = narrow ? HalfUnit(dtype) : 0;
    EXPECT_NEAR(Get(average, k / kLength, static_cast<int>(k % kLength)),
                expected, growth * (kept + 0x1p-50) + written)
        << Name(dtype);
  }
}

TEST(CasesTest, C31_RoundingIsThatOfOneUpdateAtATime) {
  for (double decay : {0.5, 0.9, 0.999}) {
    ExpectNear({.kind = TemporalAverage::kEma, .decay = decay});
  }
  ExpectNear({.kind = TemporalAverage::kSwa});
}

TEST(CasesTest, C31_DecayOutsideItsRangeIsRefusedWithItsValue) {
  CpuDevice device;
  Replica model(0, Vectors());
  const auto error = [&](double decay) {
    return TemporalAverage::Create(model.Parameters(), device, {.decay = decay})
        .status()
        .ToString();
  };
  EXPECT_EQ(error(-0.5), "INVALID_ARGUMENT: decay: -0.5, must be in [0, 1]");
  EXPECT_EQ(error(1.25), "INVALID_ARGUMENT: decay: 1.25, must be in [0, 1]");
  EXPECT_EQ(error(std::nan("")),
            "INVALID_ARGUMENT: decay: nan, must be in [0, 1]");
}

// A model with what batch normalization has beside its weights: running
// moments, and how many batches it has seen.
struct WithBuffers {
  std::vector<float> weight = std::vector<float>(4);
  std::vector<float> running_mean = std::vector<float>(3);
  std::vector<int64_t> batches = {0};

  ParameterSet Parameters(Policy buffers) {
    return *ParameterSet::Create(
        {{.parameters = {{"weight", TensorView::Of(absl::MakeSpan(weight))}}},
         {.policy = buffers,
          .parameters = {{"running_mean",
                          TensorView::Of(absl::MakeSpan(running_mean))}}},
         {.policy = Policy::kBroadcast,
          .parameters = {
              {"batches", TensorView::Of(absl::MakeSpan(batches))}}}});
  }

  void Set(double value, int64_t seen) {
    weight.assign(4, static_cast<float>(value));
    running_mean.assign(3, static_cast<float>(-value));
    batches = {seen};
  }
};

// PyTorch's use_buffers, by the policy of their group.
TEST(CasesTest, C31_BuffersAreCopiedOrAveraged) {
  CpuDevice device;
  const Series x = ModelsOf(TemporalAverage::kEma, 0.75, 0);
  for (Policy buffers :
       {Policy::kBroadcast, Policy::kLeave, Policy::kAverage}) {
    WithBuffers model;
    const auto ema = Make(model.Parameters(buffers), device,
                          {.kind = TemporalAverage::kEma, .decay = 0.75});
    for (size_t n = 0; n < x.size(); ++n) {
      model.Set(x[n], 100 + static_cast<int64_t>(n));
      ASSERT_TRUE(ema->Update().ok());
    }
    model.Set(0, 0);
    ASSERT_TRUE(ema->CopyTo(model.Parameters(buffers)).ok());
    const auto expected = static_cast<float>(EmaOf(0.75, x));
    EXPECT_THAT(model.weight, Each(expected));
    EXPECT_THAT(model.running_mean,
                Each(buffers == Policy::kAverage ? -expected
                                                 : static_cast<float>(-x[9])));
    EXPECT_THAT(model.batches, ElementsAre(109));
  }
}

// Through a file, at every count, n_averaged included.
TEST(CasesTest, C31_StateRoundTripKeepsCountAndBits) {
  const std::string path = ::testing::TempDir() + "/c31.safetensors";
  CpuDevice device;
  for (const TemporalAverage::Options& options :
       {TemporalAverage::Options{TemporalAverage::kEma, 0.9},
        TemporalAverage::Options{TemporalAverage::kSwa}}) {
    for (int stop = 0; stop <= kUpdates; ++stop) {
      Replica model(
          stop,
          {{.tensors = {{.name = "w", .shape = {29}}}},
           {.policy = Policy::kBroadcast,
            .tensors = {
                {.name = "seen", .dtype = DType::kInt64, .shape = {2}}}}});
      const auto straight = Make(model.Parameters(), device, options);
      auto resumed = Make(model.Parameters(), device, options);
      for (int n = 0; n <= kUpdates; ++n) {
        if (n == stop) {
          ASSERT_TRUE(WriteCheckpoint(path, resumed->State()).ok());
          resumed = Make(model.Parameters(), device, options);
          const auto saved = ReadCheckpoint(path);
          ASSERT_TRUE(saved.ok()) << saved.status();
          const absl::Status status = resumed->Restore(saved->state);
          ASSERT_TRUE(status.ok()) << status;
          EXPECT_EQ(resumed->count(), n);
        }
        if (n == kUpdates) break;
        model.Train(n);
        ASSERT_TRUE(straight->Update().ok());
        ASSERT_TRUE(resumed->Update().ok());
      }
      ASSERT_TRUE(straight->CopyTo(model.Parameters()).ok());
      const std::string expected = model.Bytes();
      model.Train(kUpdates);
      EXPECT_NE(model.Bytes(), expected);
      ASSERT_TRUE(resumed->CopyTo(model.Parameters()).ok());
      EXPECT_EQ(model.Bytes(), expected);
      EXPECT_EQ(resumed->State().description, straight->State().description);
    }
  }
}

// Replicas diverge, meet, and keep an average of what they agreed on: that of
// the means over ranks, equal on all.
TEST(CasesTest, C31_AveragesOfWhatRanksAgreedOnAreEqual) {
  constexpr int kRanks = 3;
  const Series x = ModelsOf(TemporalAverage::kEma, 0.75, 0);
  RunRanks({.ranks = kRanks}, [&](sim::RankContext& rank) -> absl::Status {
    Replica replica(rank, Vectors());
    const ParameterSet model = replica.Parameters();
    PARLEY_ASSIGN_OR_RETURN(
        auto averager,
        MakeAverager(rank.communicator(), replica, {.period = 1}));
    const auto ema = Make(model, rank.communicator().device(),
                          {.kind = TemporalAverage::kEma, .decay = 0.75});
    for (double value : x) {
      for (size_t t = 0; t < std::size(kFloats); ++t) {
        for (int i = 0; i < kLength; ++i) {
          Set(model, t, i, value + 8 * (rank.rank() - 1) * (i % 4 + 1));
        }
      }
      PARLEY_RETURN_IF_ERROR(averager->Step().status());
      PARLEY_RETURN_IF_ERROR(ema->Update());
    }
    PARLEY_RETURN_IF_ERROR(ema->CopyTo(model));
    for (size_t t = 0; t < std::size(kFloats); ++t) {
      for (int i = 0; i < kLength; ++i) {
        EXPECT_EQ(Get(model, t, i), EmaOf(0.75, x)) << Name(kFloats[t]);
      }
    }
    return absl::OkStatus();
  });
}

}  // namespace
}  // namespace parley::testing
