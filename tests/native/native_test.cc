// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Reduction::kNative: what docs/numerics.md promises of means whose sums the
// backend forms. They are within a bound of the true ones, the same bits on all
// ranks, and defined to the bit where sums are exact.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "parley/averaging/model_averager.h"
#include "parley/averaging/parameters.h"
#include "parley/averaging/plan.h"
#include "parley/averaging/reduction.h"
#include "parley/base/status_macros.h"
#include "parley/device/testing/device_array.h"
#include "parley/sim/world.h"
#include "parley/tests/native/model.h"
#include "parley/tests/support/backend.h"
#include "parley/tests/support/reference.h"
#include "parley/tests/support/tested_averager.h"

namespace parley::testing::native {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kBytesPerHeader = 56;

using Weights = std::vector<double>;  // by rank

absl::StatusOr<TestedAverager> MakeAverager(
    sim::RankContext& rank, ParameterSet parameters,
    Reduction reduction = Reduction::kNative) {
  ModelAveragerOptions options;
  options.communicator = &rank.communicator();
  options.parameters = std::move(parameters);
  options.schedule = PeriodicSchedule({.period = 1});
  options.max_extra_bytes = 45'000;  // for several buckets to a large tensor
  options.reduction = reduction;
  return TestedAverager::Create(std::move(options));
}

// Half of the least number.
long double HalfLeastOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
      return 0x1p-1075L;
    case DType::kFloat32:
      return 0x1p-150L;
    case DType::kFloat16:
      return 0x1p-25L;
    default:
      return 0x1p-134L;
  }
}

// What ranks bring for a tensor, by rank.
using Replicas = std::vector<std::vector<double>>;

// Whether `got` is within the bound of the mean of element i. To first order it
// is n units of the mean magnitude, of n roundings; one more is for the others,
// while n (n + 1) units are less than 1. Of float64 with different weights it
// asks for more than is promised, and gets it from the numbers drawn here.
absl::Status CheckMean(DType dtype, const Replicas& replicas, size_t i,
                       const Weights& weights, double got) {
  long double sum = 0;
  long double magnitudes = 0;
  long double divisor = 0;
  int n = 0;
  for (size_t r = 0; r < weights.size(); ++r) {
    if (weights[r] == 0) continue;
    ++n;
    const auto weight = static_cast<long double>(weights[r]);
    const long double term = weight * static_cast<long double>(replicas[r][i]);
    sum += term;
    magnitudes += std::fabs(term);
    divisor += weight;
  }
  const long double mean = sum / divisor;
  const long double bound = (n + 1) *
                                static_cast<long double>(HalfUnit(dtype)) *
                                magnitudes / divisor +
                            n * HalfLeastOf(dtype);
  // Not so for a NaN.
  if (std::fabs(static_cast<long double>(got) - mean) <= bound) {
    return absl::OkStatus();
  }
  return absl::InternalError(absl::StrCat(
      "element ", i, " is ", got, ", expected ", static_cast<double>(mean),
      " and at most ", static_cast<double>(bound), " apart from it"));
}

// Tensor t holds the means of what ranks had drawn for the meeting.
absl::Status CheckTensor(const Model& model, size_t t, const Weights& weights,
                         int meeting) {
  const TensorSpec& spec = model.specs()[t];
  Replicas drawn;
  for (size_t r = 0; r < weights.size(); ++r) {
    drawn.push_back(Draw(spec, static_cast<int>(r), meeting));
  }
  const std::vector<double> got = model.Get(t);
  for (size_t i = 0; i < got.size(); ++i) {
    const absl::Status status =
        CheckMean(spec.dtype, drawn, i, weights, got[i]);
    if (status.ok()) continue;
    return absl::InternalError(absl::StrCat("meeting ", meeting, ": ",
                                            spec.name, ": ", status.message()));
  }
  return absl::OkStatus();
}

// All tensors do, and nothing beside their elements has changed.
absl::Status CheckMeans(const Model& model, const Weights& weights,
                        int meeting) {
  for (size_t t = 0; t < model.specs().size(); ++t) {
    PARLEY_RETURN_IF_ERROR(CheckTensor(model, t, weights, meeting));
  }
  return model.CheckUntouched();
}

// What the rank has drawn for the meeting; one that does not count has what
// must not enter a mean.
void Load(Model& model, int rank, int meeting, bool counts) {
  for (size_t t = 0; t < model.specs().size(); ++t) {
    std::vector<double> values = Draw(model.specs()[t], rank, meeting);
    for (size_t i = 0; !counts && i < values.size(); ++i) {
      values[i] = i % 2 == 0 ? kNan : kInfinity;
    }
    model.Set(t, values);
  }
}

// A ring's all-reduce, for each bucket.
int64_t BytesReceived(const AveragingPlan& plan, int64_t ranks) {
  int64_t bytes = kBytesPerHeader * (ranks - 1);
  for (const Bucket& bucket : plan.buckets()) {
    const int64_t size = bucket.count * SizeOf(bucket.dtype);
    bytes += 2 * (size - size / ranks);
  }
  return bytes;
}

std::vector<Weights> WeightsOf(int n) {
  const auto ranks = static_cast<size_t>(n);
  std::vector<Weights> all = {Weights(ranks, 1), Weights(ranks, 0.3)};
  Weights different, some, equal_or_zero, one(ranks);
  for (int r = 0; r < n; ++r) {
    different.push_back(0.1 + 1000.0 * r * r);
    some.push_back(r == 1 ? 0 : 1.0 / (r + 1));
    equal_or_zero.push_back(r == 0 ? 0 : 2);
  }
  one.back() = 0.7;
  for (const Weights& weights : {different, some, equal_or_zero, one}) {
    all.push_back(weights);
  }
  return all;
}

absl::Status HoldMeetings(sim::RankContext& rank, std::string& bytes) {
  bytes.clear();
  Model model(rank.communicator().device(), AllKinds());
  PARLEY_ASSIGN_OR_RETURN(auto averager,
                          MakeAverager(rank, model.Parameters()));
  const auto buckets = averager->plan().buckets();
  const auto in_place = std::count_if(buckets.begin(), buckets.end(),
                                      [](auto& b) { return b.in_place; });
  EXPECT_GE(in_place, 8);  // several to a large tensor
  EXPECT_GE(static_cast<int>(buckets.size()) - in_place, 4);
  int meeting = 0;
  for (const Weights& weights : WeightsOf(rank.size())) {
    const double weight = weights[static_cast<size_t>(rank.rank())];
    Load(model, rank.rank(), meeting, weight != 0);
    PARLEY_ASSIGN_OR_RETURN(const StepReport report,
                            averager->Step({.weight = weight}));
    EXPECT_EQ(report.reduction, Reduction::kNative);
    EXPECT_EQ(report.ranks,
              rank.size() - std::count(weights.begin(), weights.end(), 0.0));
    EXPECT_EQ(report.bytes_received,
              BytesReceived(averager->plan(), rank.size()));
    PARLEY_RETURN_IF_ERROR(CheckMeans(model, weights, meeting));
    bytes += model.Bytes();
    ++meeting;
  }
  return absl::OkStatus();
}

class NativeTest : public ::testing::TestWithParam<int> {};

TEST_P(NativeTest, MeansAreWithinTheBoundAndEqualOnAllRanks) {
  const auto ranks = static_cast<size_t>(GetParam());
  std::vector<std::string> bytes(ranks);
  RunRanks({.ranks = GetParam()}, [&](sim::RankContext& rank) {
    return HoldMeetings(rank, bytes[static_cast<size_t>(rank.rank())]);
  });
  for (size_t r = 1; r < ranks; ++r) EXPECT_TRUE(bytes[r] == bytes[0]) << r;
}

INSTANTIATE_TEST_SUITE_P(Ranks, NativeTest, ::testing::Values(2, 3, 8));

// One addition is the same in any order, and so is one rounding.
TEST(NativeTest, OfTwoRanksItHasTheBitsOfTheReproducibleMean) {
  RunRanks({.ranks = 2}, [](sim::RankContext& rank) -> absl::Status {
    std::string bytes[2];
    uint64_t fingerprints[2] = {};
    for (Reduction reduction : {Reduction::kReproducible, Reduction::kNative}) {
      Model model(rank.communicator().device(), AllKinds());
      PARLEY_ASSIGN_OR_RETURN(
          auto averager, MakeAverager(rank, model.Parameters(), reduction));
      Load(model, rank.rank(), /*meeting=*/0, /*counts=*/true);
      PARLEY_ASSIGN_OR_RETURN(const StepReport report, averager->Step());
      EXPECT_EQ(report.reduction, reduction);
      PARLEY_RETURN_IF_ERROR(CheckMeans(model, {1, 1}, 0));
      bytes[static_cast<size_t>(reduction)] = model.Bytes();
      fingerprints[static_cast<size_t>(reduction)] = report.model_fingerprint;
    }
    EXPECT_TRUE(bytes[0] == bytes[1]);
    EXPECT_EQ(fingerprints[0], fingerprints[1]);
    return absl::OkStatus();
  });
}

// Of small integers all sums are exact, in any order. The division is rounded
// once, and equal weights are no weights. float16 divides first, which is
// rounded as well.
TEST(NativeTest, ExactSumsAreDividedOnce) {
  constexpr int kRanks = 3;
  const auto value = [](int rank, size_t i) {
    return static_cast<double>((i + 1) * static_cast<size_t>(rank + 7) % 65) -
           32;
  };
  RunRanks({.ranks = kRanks}, [&](sim::RankContext& rank) -> absl::Status {
    Model model(rank.communicator().device(), AllKinds());
    PARLEY_ASSIGN_OR_RETURN(auto averager,
                            MakeAverager(rank, model.Parameters()));
    for (double weight : {1.0, 0.1}) {
      for (size_t t = 0; t < model.specs().size(); ++t) {
        std::vector<double> values(model.Get(t).size());
        for (size_t i = 0; i < values.size(); ++i) {
          values[i] = value(rank.rank(), i);
        }
        model.Set(t, values);
      }
      PARLEY_RETURN_IF_ERROR(averager->Step({.weight = weight}).status());
      for (size_t t = 0; t < model.specs().size(); ++t) {
        const TensorSpec& spec = model.specs()[t];
        if (spec.dtype == DType::kFloat16) continue;
        const std::vector<double> got = model.Get(t);
        for (size_t i = 0; i < got.size(); ++i) {
          const double sum = value(0, i) + value(1, i) + value(2, i);
          const double mean = Round(spec.dtype, sum / kRanks);
          if (got[i] == mean) continue;
          return absl::InternalError(absl::StrCat(spec.name, "[", i, "] is ",
                                                  got[i], ", expected ", mean));
        }
      }
    }
    return absl::OkStatus();
  });
}

// In float16, 65504 is the largest number, and loss scaling goes up to it.
TEST(NativeTest, Float16MeansOfLargeNumbersAreFinite) {
  RunRanks({.ranks = 8}, [](sim::RankContext& rank) -> absl::Status {
    Model model(rank.communicator().device(), AllKinds());
    PARLEY_ASSIGN_OR_RETURN(auto averager,
                            MakeAverager(rank, model.Parameters()));
    const auto value = [](int r) { return r % 2 == 0 ? 65504.0 : 30000.0; };
    for (size_t t = 0; t < model.specs().size(); ++t) {
      model.Set(t,
                std::vector<double>(model.Get(t).size(), value(rank.rank())));
    }
    PARLEY_RETURN_IF_ERROR(averager->Step().status());
    for (size_t t = 0; t < model.specs().size(); ++t) {
      const DType dtype = model.specs()[t].dtype;
      Replicas first_elements;
      for (int r = 0; r < rank.size(); ++r) {
        first_elements.push_back({Round(dtype, value(r))});
      }
      for (double got : model.Get(t)) {
        PARLEY_RETURN_IF_ERROR(
            CheckMean(dtype, first_elements, 0, Weights(8, 1), got));
      }
    }
    return absl::OkStatus();
  });
}

// Their sum would not fit, and what is broadcast or left alone has none.
TEST(NativeTest, OtherPoliciesAreWhatTheyAre) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  RunRanks({.ranks = 3}, [](sim::RankContext& rank) -> absl::Status {
    Device& device = rank.communicator().device();
    const int r = rank.rank();
    const DeviceArray<float> averaged(device, 5, static_cast<float>(2 * r));
    const DeviceArray<int64_t> counts(device, 7, kMost - 2 * r);
    const DeviceArray<float> sent(device, 9, r == 0 ? -0.0f : 1.0f);
    const DeviceArray<double> left(device, 3, r);
    PARLEY_ASSIGN_OR_RETURN(
        ParameterSet parameters,
        ParameterSet::Create({{.parameters = {{"averaged", averaged.view()}}},
                              {.policy = Policy::kIntegerMean,
                               .parameters = {{"counts", counts.view()}}},
                              {.policy = Policy::kBroadcast,
                               .parameters = {{"sent", sent.view()}}},
                              {.policy = Policy::kLeave,
                               .parameters = {{"left", left.view()}}}}));
    PARLEY_ASSIGN_OR_RETURN(auto averager, MakeAverager(rank, parameters));
    PARLEY_RETURN_IF_ERROR(averager->Step().status());
    for (float x : averaged.values()) EXPECT_EQ(x, 2);
    for (int64_t x : counts.values()) EXPECT_EQ(x, kMost - 2);
    for (float x : sent.values()) EXPECT_TRUE(x == 0 && std::signbit(x)) << x;
    for (double x : left.values()) EXPECT_EQ(x, r);
    return absl::OkStatus();
  });
}

// Some share a bucket with those that take part, and some have one.
TEST(NativeTest, WhatSitsOutIsNotWritten) {
  RunRanks({.ranks = 3}, [](sim::RankContext& rank) -> absl::Status {
    Model model(rank.communicator().device(), AllKinds());
    const auto sits_out = [](size_t tensor) { return tensor % 3 == 0; };
    ParameterGroup group;
    const ParameterSet all = model.Parameters();
    for (size_t t = 0; t < model.specs().size(); ++t) {
      group.parameters.push_back(all.entries()[t].parameter);
      if (sits_out(t)) group.parameters[t].takes_part = [] { return false; };
    }
    PARLEY_ASSIGN_OR_RETURN(ParameterSet some, ParameterSet::Create({group}));
    PARLEY_ASSIGN_OR_RETURN(auto averager, MakeAverager(rank, some));
    Load(model, rank.rank(), /*meeting=*/0, /*counts=*/true);
    PARLEY_RETURN_IF_ERROR(averager->Step().status());
    for (size_t t = 0; t < model.specs().size(); ++t) {
      const TensorSpec& spec = model.specs()[t];
      if (!sits_out(t)) {
        PARLEY_RETURN_IF_ERROR(CheckTensor(model, t, {1, 1, 1}, 0));
      } else {
        EXPECT_TRUE(model.Get(t) == Draw(spec, rank.rank(), 0)) << spec.name;
      }
    }
    return model.CheckUntouched();
  });
}

}  // namespace
}  // namespace parley::testing::native
