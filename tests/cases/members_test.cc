// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Cases C03 to C05, C33 and C35: whose values enter the mean, and who gets it.
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/averaging/model_averager.h"
#include "parley/averaging/parameters.h"
#include "parley/averaging/schedule.h"
#include "parley/base/random.h"
#include "parley/base/status_macros.h"
#include "parley/comm/communicator.h"
#include "parley/device/tensor.h"
#include "parley/sim/world.h"
#include "parley/tests/cases/harness.h"
#include "parley/tests/cases/replica.h"
#include "parley/tests/support/backend.h"
#include "parley/tests/support/tested_averager.h"

namespace parley::testing {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

void Fill(absl::Span<float> values, float value) {
  for (float& x : values) x = value;
}

// A tensor of each of these dtypes, 70 elements long.
std::vector<TensorSpec> Vectors(const char* prefix,
                                const std::vector<DType>& dtypes) {
  std::vector<TensorSpec> tensors;
  for (DType dtype : dtypes) {
    tensors.push_back({.name = prefix + std::string(Name(dtype)),
                       .dtype = dtype,
                       .shape = {70}});
  }
  return tensors;
}

// All ranks hold rank 0's values in one replica and their own in another, which
// shows that they did meet. Equal to their mean are all but NaNs, which lose
// their payload; ReferenceMean() of one value says so.
TEST(CasesTest, C03_EqualReplicasKeepTheirBits) {
  const std::vector<DType> dtypes = {DType::kFloat32, DType::kFloat16,
                                     DType::kBFloat16};
  for (int n : {2, 3, 5, 6, 7, 8}) {
    RunRanks({.ranks = n}, [&](sim::RankContext& rank) -> absl::Status {
      Replica equal(0, rank.communicator().device(),
                    {{.tensors = Vectors("equal.", dtypes)}});
      Replica own(rank, {{.tensors = Vectors("own.", dtypes)}});
      std::vector<ParameterGroup> groups = equal.Groups();
      groups.push_back(own.Groups()[0]);
      PARLEY_ASSIGN_OR_RETURN(ParameterSet parameters,
                              ParameterSet::Create(groups));
      PARLEY_ASSIGN_OR_RETURN(
          auto averager, TestedAverager::Create(
                             {.communicator = &rank.communicator(),
                              .parameters = std::move(parameters),
                              .schedule = PeriodicSchedule({.period = 1})}));
      for (int64_t step = 0; step < 3; ++step) {
        equal.Train(step);
        own.Train(step);
        PARLEY_RETURN_IF_ERROR(averager->Step().status());
        PARLEY_RETURN_IF_ERROR(equal.CheckMean({{0, step}}));
        PARLEY_RETURN_IF_ERROR(own.CheckMean(Everyone(n, step)));
      }
      return absl::OkStatus();
    });
  }
}

// An averager for the members of `group`, and for others.
absl::StatusOr<TestedAverager> AveragerOf(Communicator* group,
                                          const Replica& replica,
                                          int64_t period) {
  ModelAveragerOptions options;
  options.communicator = group;
  options.non_member = group == nullptr;
  options.parameters = replica.Parameters();
  options.schedule = PeriodicSchedule({.period = period});
  return TestedAverager::Create(std::move(options));
}

// PyTorch's test: what holds its rank holds 0.5 in ranks 0 and 1 afterwards.
TEST(CasesTest, C04_ASubgroupMeetsAndOthersKeepTheirs) {
  RunRanks({.ranks = 4}, [](sim::RankContext& rank) -> absl::Status {
    const bool member = rank.rank() < 2;
    PARLEY_ASSIGN_OR_RETURN(
        const auto group,
        rank.communicator().Split(member ? std::vector<int>{0, 1}
                                         : std::vector<int>()));
    EXPECT_EQ(group != nullptr, member);
    Replica replica(rank, Layers());
    PARLEY_ASSIGN_OR_RETURN(auto averager, AveragerOf(group.get(), replica, 1));
    const auto value = static_cast<float>(rank.rank());
    for (const char* name : {"conv.weight", "conv.bias", "fc.weight"}) {
      Fill(replica.Values<float>(name), value);
    }
    PARLEY_ASSIGN_OR_RETURN(StepReport report, averager->Step());
    EXPECT_EQ(report.met, member);
    EXPECT_EQ(report.ranks, member ? 2 : 0);
    for (const char* name : {"conv.weight", "conv.bias", "fc.weight"}) {
      EXPECT_THAT(replica.Values<float>(name), Each(member ? 0.5f : value));
    }
    replica.Train(1);
    PARLEY_RETURN_IF_ERROR(averager->Step().status());
    return member ? replica.CheckMean(Everyone(2, 1)) : replica.CheckOwn(1);
  });
}

TEST(CasesTest, C04_GroupsMeetBesideEachOther) {
  const std::vector<std::vector<int>> groups = {{0, 2, 4}, {1, 3}};
  RunRanks({.ranks = 5}, [&](sim::RankContext& rank) -> absl::Status {
    const std::vector<int>& members =
        groups[static_cast<size_t>(rank.rank()) % 2];
    PARLEY_ASSIGN_OR_RETURN(const auto group,
                            rank.communicator().Split(members));
    Replica replica(rank, Layers());
    PARLEY_ASSIGN_OR_RETURN(auto averager, AveragerOf(group.get(), replica, 2));
    for (int64_t step = 0; step < 5; ++step) {
      replica.Train(step);
      PARLEY_RETURN_IF_ERROR(averager->Step().status());
      std::vector<Source> sources;
      for (int member : members) sources.push_back({member, step});
      PARLEY_RETURN_IF_ERROR(step % 2 == 0 ? replica.CheckMean(sources)
                                           : replica.CheckOwn(step));
    }
    return absl::OkStatus();
  });
}

TEST(CasesTest, C05_NonMembersCountTheirSteps) {
  RunRanks({.ranks = 3}, [](sim::RankContext& rank) -> absl::Status {
    const bool member = rank.rank() != 1;
    PARLEY_ASSIGN_OR_RETURN(
        const auto group,
        rank.communicator().Split(member ? std::vector<int>{0, 2}
                                         : std::vector<int>()));
    Replica replica(rank, Layers());
    PARLEY_ASSIGN_OR_RETURN(auto averager, AveragerOf(group.get(), replica, 3));
    const auto check = [&](int64_t step, bool met) {
      const std::vector<Source> members = {{0, step}, {2, step}};
      return member && met ? replica.CheckMean(members)
                           : replica.CheckOwn(step);
    };
    for (int64_t step = 0; step < 6; ++step) {
      replica.Train(step);
      PARLEY_ASSIGN_OR_RETURN(StepReport report, averager->Step());
      EXPECT_EQ(report.step, step);
      EXPECT_EQ(report.met, member && step % 3 == 0);
      EXPECT_EQ(averager->step(), step + 1);
      PARLEY_RETURN_IF_ERROR(check(step, step % 3 == 0));
    }
    PARLEY_ASSIGN_OR_RETURN(StepReport now, averager->AverageNow());
    EXPECT_EQ(now.met, member);
    PARLEY_RETURN_IF_ERROR(check(5, true));
    replica.Train(6);
    PARLEY_RETURN_IF_ERROR(averager->Step().status());
    PARLEY_RETURN_IF_ERROR(averager->Finish());
    EXPECT_EQ(averager->step(), 7);
    return check(6, true);
  });
}

TEST(CasesTest, C05_ARankOutsideTheGroupSaysSo) {
  Replica replica(0, Layers());
  EXPECT_EQ(
      TestedAverager::Create({.parameters = replica.Parameters(),
                              .schedule = PeriodicSchedule({.period = 2})})
          .status()
          .ToString(),
      "INVALID_ARGUMENT: communicator: null (a rank outside the group "
      "says so by non_member)");
}

// The weight of `rank` at `step`: a number of samples, in fractions as well.
double WeightOf(int rank, int64_t step) {
  Random random = Random(33)
                      .Fork("rank", static_cast<uint64_t>(rank))
                      .Fork("step", static_cast<uint64_t>(step));
  const auto samples = static_cast<double>(random.Uniform(60) + 1);
  return step % 2 == 0 ? samples : samples / 7;
}

TEST(CasesTest, C33_TheMeanIsWeighted) {
  for (int n : {2, 3, 5}) {
    RunRanks({.ranks = n}, [&](sim::RankContext& rank) -> absl::Status {
      Replica replica(
          rank,
          {{.tensors = Vectors("", {DType::kFloat32, DType::kFloat64,
                                    DType::kFloat16, DType::kBFloat16})}});
      PARLEY_ASSIGN_OR_RETURN(
          auto averager,
          MakeAverager(rank.communicator(), replica, {.period = 2}));
      for (int64_t step = 0; step < 6; ++step) {
        replica.Train(step);
        // That of a step without a meeting is not kept for the next.
        PARLEY_ASSIGN_OR_RETURN(
            StepReport report,
            averager->Step({.weight = WeightOf(rank.rank(), step)}));
        if (!report.met) continue;
        EXPECT_EQ(report.ranks, n);
        std::vector<Source> sources = Everyone(n, step);
        for (Source& source : sources) {
          source.weight = WeightOf(source.rank, step);
        }
        PARLEY_RETURN_IF_ERROR(replica.CheckMean(sources));
      }
      return absl::OkStatus();
    });
  }
}

// What three ranks that hold their rank make of it with `weights`.
float MeanOfRanks(const std::vector<double>& weights) {
  std::vector<float> means(3);
  RunRanks({.ranks = 3}, [&](sim::RankContext& rank) -> absl::Status {
    const auto r = static_cast<size_t>(rank.rank());
    Replica replica(rank, Layers());
    PARLEY_ASSIGN_OR_RETURN(
        auto averager,
        MakeAverager(rank.communicator(), replica, {.period = 1}));
    Fill(replica.Values<float>("conv.weight"), static_cast<float>(r));
    PARLEY_RETURN_IF_ERROR(averager->Step({.weight = weights[r]}).status());
    means[r] = replica.Values<float>("conv.weight")[80];
    EXPECT_THAT(replica.Values<float>("conv.weight"), Each(means[r]));
    return absl::OkStatus();
  });
  EXPECT_THAT(means, Each(means[0]));
  return means[0];
}

// A weight counts by its share of the sum, and shares sum to 1.
TEST(CasesTest, C33_WeightsAreSharesOfTheirSum) {
  EXPECT_EQ(MeanOfRanks({1, 2, 3}), static_cast<float>(8.0 / 6));
  EXPECT_EQ(MeanOfRanks({0x1p-30, 0x1p-29, 0x3p-30}),
            static_cast<float>(8.0 / 6));
  EXPECT_EQ(MeanOfRanks({0.5, 0.25, 0.25}), 0.75f);
  EXPECT_EQ(MeanOfRanks({200, 100, 100}), 0.75f);
  EXPECT_EQ(MeanOfRanks({0, 3, 1}), 1.25f);
  EXPECT_EQ(MeanOfRanks({0, 0, 1e-300}), 2);
}

TEST(CasesTest, C33_EqualWeightsAreTheUnweightedMean) {
  RunRanks({.ranks = 3}, [](sim::RankContext& rank) -> absl::Status {
    Replica replica(rank, Layers());
    PARLEY_ASSIGN_OR_RETURN(
        auto averager,
        MakeAverager(rank.communicator(), replica, {.period = 1}));
    replica.Train(0);
    PARLEY_RETURN_IF_ERROR(averager->Step({.weight = 0.1}).status());
    return replica.CheckMean(Everyone(3, 0));
  });
}

// A different rank each time, the first and the last included. What it holds is
// not even finite.
TEST(CasesTest, C33_ARankOfWeightZeroReceivesAndDoesNotEnter) {
  constexpr int kRanks = 4;
  RunRanks({.ranks = kRanks}, [](sim::RankContext& rank) -> absl::Status {
    Replica replica(rank, Layers());
    PARLEY_ASSIGN_OR_RETURN(
        auto averager,
        MakeAverager(rank.communicator(), replica, {.period = 1}));
    for (int64_t step = 0; step < 2 * kRanks; ++step) {
      std::vector<Source> sources = Everyone(kRanks, step);
      for (Source& source : sources) {
        if (step >= kRanks) source.weight = WeightOf(source.rank, step);
      }
      const auto out = static_cast<size_t>(step) % kRanks;
      sources[out].weight = step % 3 == 0 ? -0.0 : 0.0;
      const Source& mine = sources[static_cast<size_t>(rank.rank())];
      replica.Train(step);
      if (mine.weight == 0) {
        Fill(replica.Values<float>("conv.weight"), kNan);
        Fill(replica.Values<float>("fc.weight"), kInfinity);
      }
      PARLEY_ASSIGN_OR_RETURN(StepReport report,
                              averager->Step({.weight = mine.weight}));
      EXPECT_EQ(report.ranks, kRanks - 1);
      PARLEY_RETURN_IF_ERROR(replica.CheckMean(sources));
    }
    return absl::OkStatus();
  });
}

// The error of a meeting of three ranks with `weights`, which touches nothing.
std::string WeightError(const std::vector<double>& weights) {
  return CommonError(3,
                     [&](sim::RankContext& rank) -> absl::Status {
                       Replica replica(rank, Layers());
                       PARLEY_ASSIGN_OR_RETURN(
                           auto averager, MakeAverager(rank.communicator(),
                                                       replica, {.period = 1}));
                       replica.Train(0);
                       const auto r = static_cast<size_t>(rank.rank());
                       const absl::Status status =
                           averager->Step({.weight = weights[r]}).status();
                       PARLEY_RETURN_IF_ERROR(replica.CheckOwn(0));
                       return status;
                     })
      .ToString();
}

TEST(CasesTest, C33_BadWeightsAreRefusedWithTheirValues) {
  EXPECT_EQ(WeightError({1, -2, 1}),
            "INVALID_ARGUMENT: rank 1: weight: -2, must be finite and at least "
            "0");
  EXPECT_EQ(WeightError({1, 1, kNan}),
            "INVALID_ARGUMENT: rank 2: weight: nan, must be finite and at "
            "least 0");
  EXPECT_EQ(WeightError({kInfinity, 1, 1}),
            "INVALID_ARGUMENT: rank 0: weight: inf, must be finite and at "
            "least 0");
  EXPECT_EQ(WeightError({0, 0, 0}),
            "INVALID_ARGUMENT: weights of all ranks: their sum is 0, must be "
            "finite and more than 0");
  EXPECT_EQ(WeightError({1e308, 1e308, 1}),
            "INVALID_ARGUMENT: weights of all ranks: their sum is inf, must be "
            "finite and more than 0");
}

// Tensors of all dtypes under all policies that take them.
std::vector<GroupSpec> AllKinds() {
  return {
      {Policy::kAverage, Vectors("a.", {DType::kFloat32, DType::kFloat64,
                                        DType::kFloat16, DType::kBFloat16})},
      {Policy::kIntegerMean,
       Vectors("i.", {DType::kInt32, DType::kInt64, DType::kUInt8})},
      {Policy::kBroadcast,
       Vectors("b.", {kAllDTypes.begin(), kAllDTypes.end()})},
      {Policy::kLeave, Vectors("l.", {kAllDTypes.begin(), kAllDTypes.end()})}};
}

// Trains alone on `communicator`, of which this rank is the only member: every
// bit stays, NaN payloads and signalling NaNs included.
absl::Status TrainAlone(Communicator& communicator) {
  const uint32_t nans[] = {0x7fa12345, 0xffc00001};
  Replica replica(4, communicator.device(), AllKinds());
  PARLEY_ASSIGN_OR_RETURN(auto averager,
                          MakeAverager(communicator, replica, {.period = 3}));
  std::string trained;
  for (int64_t step = 0; step < 7; ++step) {
    replica.Train(step);
    std::memcpy(replica.Values<float>("a.float32").data(), nans, sizeof(nans));
    trained = replica.Bytes();
    PARLEY_ASSIGN_OR_RETURN(StepReport report, averager->Step({.weight = 0.3}));
    EXPECT_EQ(report.met, step % 3 == 0);
    EXPECT_EQ(report.ranks, step % 3 == 0 ? 1 : 0);
    EXPECT_EQ(report.bytes_received, 0);
    EXPECT_EQ(replica.Bytes(), trained);
  }
  PARLEY_RETURN_IF_ERROR(averager->AverageNow().status());
  EXPECT_EQ(replica.Bytes(), trained);
  PARLEY_RETURN_IF_ERROR(averager->Finish());
  EXPECT_EQ(replica.Bytes(), trained);
  EXPECT_EQ(averager->last_meeting().meetings, 5);
  return absl::OkStatus();
}

TEST(CasesTest, C35_AWorldOfOneSendsNothingAndKeepsEveryBit) {
  const sim::Report report = RunRanks({.ranks = 1}, [](sim::RankContext& rank) {
    return TrainAlone(rank.communicator());
  });
  EXPECT_EQ(report.ranks[0].bytes_sent, 0);
  EXPECT_EQ(report.ranks[0].bytes_received, 0);
  EXPECT_EQ(report.ranks[0].operations, 0);
}

TEST(CasesTest, C35_AGroupOfOneSendsNothingMoreThanMakingIt) {
  std::vector<sim::Report> reports;
  for (bool trains : {false, true}) {
    reports.push_back(
        RunRanks({.ranks = 3}, [&](sim::RankContext& rank) -> absl::Status {
          PARLEY_ASSIGN_OR_RETURN(const auto alone,
                                  rank.communicator().Split({rank.rank()}));
          return trains ? TrainAlone(*alone) : absl::OkStatus();
        }));
  }
  for (size_t r = 0; r < 3; ++r) {
    EXPECT_EQ(reports[0].ranks[r].bytes_sent, reports[1].ranks[r].bytes_sent);
    EXPECT_EQ(reports[0].ranks[r].operations, reports[1].ranks[r].operations);
  }
}

}  // namespace
}  // namespace parley::testing
