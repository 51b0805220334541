// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Cases C10 to C15: what is averaged, and what becomes of its form.
#include "parley/averaging/parameters.h"

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/averaging/model_averager.h"
#include "parley/averaging/plan.h"
#include "parley/averaging/schedule.h"
#include "parley/base/status_macros.h"
#include "parley/device/tensor.h"
#include "parley/device/testing/device_array.h"
#include "parley/sim/world.h"
#include "parley/tests/cases/harness.h"
#include "parley/tests/cases/replica.h"
#include "parley/tests/support/backend.h"
#include "parley/tests/support/tested_averager.h"

namespace parley::testing {
namespace {

using ::testing::HasSubstr;

// Which tensors have a gradient, by their number in the first group.
using Gradients = std::array<bool, 4>;

// Two layers in three buckets, the first of which holds all of one, and a
// counter that is an integer and never has a gradient.
std::vector<GroupSpec> Trunk() {
  return {
      {.tensors =
           {{.name = "conv.weight", .shape = {8, 3, 3, 3}},
            {.name = "conv.bias", .shape = {8}},
            {.name = "fc.weight", .dtype = DType::kFloat64, .shape = {5, 99}},
            {.name = "fc.bias", .dtype = DType::kBFloat16, .shape = {5}}}},
      {.policy = Policy::kLeave,
       .tensors = {{.name = "seen", .dtype = DType::kInt64, .shape = {3}}}}};
}

// An averager of Trunk() that asks `gradients`, and counts how often.
absl::StatusOr<TestedAverager> WithGradients(sim::RankContext& rank,
                                             const Replica& replica,
                                             const Gradients& gradients,
                                             int& asked) {
  std::vector<ParameterGroup> groups = replica.Groups();
  for (size_t t = 0; t < gradients.size(); ++t) {
    groups[0].parameters[t].takes_part = [&gradients, &asked, t] {
      ++asked;
      return gradients[t];
    };
  }
  ModelAveragerOptions options =
      Periodic(rank.communicator(), replica, {.period = 2});
  PARLEY_ASSIGN_OR_RETURN(options.parameters, ParameterSet::Create(groups));
  return TestedAverager::Create(std::move(options));
}

TEST(CasesTest, C10_WhatHasNoGradientIsSkipped) {
  constexpr Gradients kPatterns[] = {{true, false, true, true},
                                     {true, true, false, true},
                                     {false, true, false, false},
                                     {true, true, true, true},
                                     {false, false, true, false}};
  const char* const names[] = {"conv.weight", "conv.bias", "fc.weight",
                               "fc.bias"};
  RunRanks({.ranks = 3}, [&](sim::RankContext& rank) -> absl::Status {
    Replica replica(rank, Trunk());
    Gradients gradients = {};
    int asked = 0;
    PARLEY_ASSIGN_OR_RETURN(auto averager,
                            WithGradients(rank, replica, gradients, asked));
    EXPECT_EQ(averager->plan().buckets().size(), 3u);
    int64_t step = 0;
    for (const Gradients& pattern : kPatterns) {
      gradients = pattern;
      replica.Train(step);
      asked = 0;
      PARLEY_RETURN_IF_ERROR(averager->Step().status());
      EXPECT_EQ(asked, 4);
      for (size_t t = 0; t < pattern.size(); ++t) {
        PARLEY_RETURN_IF_ERROR(
            pattern[t] ? replica.CheckMean(names[t], Everyone(3, step))
                       : replica.CheckOwn(names[t], step));
      }
      PARLEY_RETURN_IF_ERROR(replica.CheckOwn("seen", step));
      // Nobody is asked where nobody meets.
      replica.Train(step + 1);
      asked = 0;
      PARLEY_RETURN_IF_ERROR(averager->Step().status());
      EXPECT_EQ(asked, 0);
      PARLEY_RETURN_IF_ERROR(replica.CheckOwn(step + 1));
      step += 2;
    }
    return absl::OkStatus();
  });
}

// Trains once with the gradients of this rank, which is refused and touches
// nothing, and then with all of them. Returns what it was refused with.
absl::Status RefuseThenGoOn(sim::RankContext& rank, const Gradients& mine) {
  Replica replica(rank, Trunk());
  Gradients gradients = mine;
  int asked = 0;
  PARLEY_ASSIGN_OR_RETURN(auto averager,
                          WithGradients(rank, replica, gradients, asked));
  replica.Train(0);
  const absl::Status refused = averager->Step().status();
  EXPECT_EQ(averager->step(), 1);
  PARLEY_RETURN_IF_ERROR(replica.CheckOwn(0));
  gradients = {true, true, true, true};
  PARLEY_RETURN_IF_ERROR(averager->Step().status());
  replica.Train(2);
  PARLEY_ASSIGN_OR_RETURN(const StepReport report, averager->Step());
  EXPECT_TRUE(report.met);
  PARLEY_RETURN_IF_ERROR(replica.CheckMean(Everyone(rank.size(), 2)));
  return refused;
}

// PyTorch throws an error of torch.cat().
TEST(CasesTest, C11_NoGradientAtAllIsAnErrorThatNamesTheCause) {
  const std::string cause =
      "no parameter takes part in this meeting: takes_part of all 4 says no "
      "(were gradients cleared before the averager was called?)";
  EXPECT_EQ(
      CommonError(
          3, [](sim::RankContext& rank) { return RefuseThenGoOn(rank, {}); }),
      absl::FailedPreconditionError("rank 0: " + cause));
  EXPECT_EQ(CommonError(3,
                        [](sim::RankContext& rank) {
                          const bool has = rank.rank() != 2;
                          return RefuseThenGoOn(rank, {has, has, has, has});
                        }),
            absl::FailedPreconditionError("rank 2: " + cause));
}

TEST(CasesTest, C11_AModelWithNothingToAverageIsRefused) {
  EXPECT_EQ(CommonError(2,
                        [](sim::RankContext& rank) {
                          Replica replica(rank, {Trunk()[1]});
                          return MakeAverager(rank.communicator(), replica,
                                              {.period = 2})
                              .status();
                        })
                .ToString(),
            "INVALID_ARGUMENT: rank 0: parameters: there are 1, none of which "
            "is to be averaged or broadcast");
}

TEST(CasesTest, C12_GradientsThatDifferBetweenRanksAreNamed) {
  // In number.
  absl::Status error = CommonError(3, [](sim::RankContext& rank) {
    return RefuseThenGoOn(rank, {true, rank.rank() != 2, true, true});
  });
  EXPECT_EQ(error.ToString(),
            "INVALID_ARGUMENT: rank 2 differs from rank 0 in parameters taking "
            "part: 3 against 4 (without conv.bias; against: with all)");
  // Only in which they are.
  error = CommonError(3, [](sim::RankContext& rank) {
    return RefuseThenGoOn(rank,
                          {true, rank.rank() != 1, rank.rank() == 1, true});
  });
  EXPECT_EQ(error.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(error.message()),
              HasSubstr("rank 1 differs from rank 0 in participation: 0x"));
  EXPECT_THAT(std::string(error.message()),
              HasSubstr("(without conv.bias; against: without fc.weight)"));
}

// A tensor of each of these dtypes, of one length.
GroupSpec OfEach(Policy policy, const std::vector<DType>& dtypes,
                 int64_t length) {
  GroupSpec group{policy, {}};
  for (DType dtype : dtypes) {
    group.tensors.push_back(
        {.name = absl::StrCat(Name(policy), ".", Name(dtype)),
         .dtype = dtype,
         .shape = {length}});
  }
  return group;
}

const std::vector<DType>& Floats() {
  static const auto* const dtypes = new std::vector<DType>{
      DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16};
  return *dtypes;
}

TEST(CasesTest, C13_EveryTensorKeepsItsDType) {
  const std::vector<DType> all(kAllDTypes.begin(), kAllDTypes.end());
  for (int n : {2, 3, 5}) {
    RunRanks({.ranks = n}, [&](sim::RankContext& rank) -> absl::Status {
      Replica replica(
          rank, {OfEach(Policy::kAverage, Floats(), 101),
                 OfEach(Policy::kIntegerMean,
                        {DType::kInt32, DType::kInt64, DType::kUInt8}, 51),
                 OfEach(Policy::kBroadcast, all, 21),
                 OfEach(Policy::kLeave, all, 11)});
      PARLEY_ASSIGN_OR_RETURN(
          auto averager,
          MakeAverager(rank.communicator(), replica, {.period = 2}));
      for (int64_t step = 0; step < 5; ++step) {
        replica.Train(step);
        PARLEY_RETURN_IF_ERROR(averager->Step().status());
        PARLEY_RETURN_IF_ERROR(step % 2 == 0
                                   ? replica.CheckMean(Everyone(n, step))
                                   : replica.CheckOwn(step));
      }
      return absl::OkStatus();
    });
  }
}

// PyTorch sends all tensors in the widest dtype. Here each rank receives three
// quarters of a tensor twice: from everyone a quarter of its own to average,
// and from everyone a quarter that is averaged.
TEST(CasesTest, C13_TheWireCarriesEachDTypeAtItsSize) {
  constexpr int64_t kLength = 1024;  // needs no padding in any dtype
  RunRanks({.ranks = 4}, [&](sim::RankContext& rank) -> absl::Status {
    Replica replica(rank, {OfEach(Policy::kAverage, Floats(), kLength)});
    PARLEY_ASSIGN_OR_RETURN(
        auto averager,
        MakeAverager(rank.communicator(), replica, {.period = 1}));
    replica.Train(0);
    PARLEY_ASSIGN_OR_RETURN(const StepReport report, averager->Step());
    const int64_t header_bytes = 3 * 56;
    EXPECT_EQ(report.bytes_received,
              2 * (kLength / 4 * 3) * (4 + 8 + 2 + 2) + header_bytes);
    return replica.CheckMean(Everyone(4, 0));
  });
}

// Permuted, sliced, padded and transposed layouts, small and larger than a
// bucket.
std::vector<GroupSpec> Layouts() {
  GroupSpec group;
  for (DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    const std::string prefix(Name(dtype));
    const std::vector<TensorSpec> tensors = {
        {"channels_last", dtype, {2, 3, 4, 5}, {60, 1, 15, 3}},
        {"large_channels_last", dtype, {4, 8, 16, 9}, {1152, 1, 72, 8}},
        {"columns", dtype, {7, 2}, {3, 1}},
        {"every_second", dtype, {33}, {2}},
        {"transposed", dtype, {5, 6}, {1, 5}},
        {"padded_rows", dtype, {90, 31}, {40, 1}},
        {"padded_transposed", dtype, {31, 90}, {1, 40}},
        {"planes", dtype, {3, 1, 4}, {9, 100, 2}},
        {"row_major", dtype, {3, 7}},
    };
    for (TensorSpec tensor : tensors) {
      tensor.name = absl::StrCat(prefix, ".", tensor.name);
      group.tensors.push_back(tensor);
    }
  }
  return {group};
}

// So little that strided tensors are cut, too. Most of it are lists of pieces.
constexpr int64_t kSmallBudget = 72 << 10;

// A replica reads each element where the strides say and watches all gaps.
TEST(CasesTest, C14_LayoutsAndPointersStay) {
  for (int n : {2, 3}) {
    const int64_t budget = n == 2 ? kSmallBudget : int64_t{64} << 20;
    RunRanks({.ranks = n}, [&](sim::RankContext& rank) -> absl::Status {
      Replica replica(rank, Layouts());
      ModelAveragerOptions options =
          Periodic(rank.communicator(), replica, {.period = 1});
      options.max_extra_bytes = budget;
      PARLEY_ASSIGN_OR_RETURN(auto averager,
                              TestedAverager::Create(std::move(options)));
      EXPECT_EQ(averager->plan().buckets().size() >= 8, budget == kSmallBudget)
          << averager->plan().ToString();
      for (int64_t step = 0; step < 2; ++step) {
        replica.Train(step);
        PARLEY_RETURN_IF_ERROR(averager->Step().status());
        PARLEY_RETURN_IF_ERROR(replica.CheckMean(Everyone(n, step)));
      }
      return absl::OkStatus();
    });
  }
}

// Without a replica: the first two of three columns, twice.
TEST(CasesTest, C14_TheThirdColumnIsNotTouched) {
  RunRanks({.ranks = 4}, [](sim::RankContext& rank) -> absl::Status {
    const auto r = static_cast<float>(rank.rank());
    Device& device = rank.communicator().device();
    DeviceArray<float> matrix(device, 15);
    PARLEY_ASSIGN_OR_RETURN(
        const TensorView columns,
        TensorView::Strided(matrix.values().data(), DType::kFloat32, {5, 2},
                            {3, 1}, device.id()));
    PARLEY_ASSIGN_OR_RETURN(
        ParameterSet parameters,
        ParameterSet::Create(
            {{.parameters = {{.name = "columns", .tensor = columns}}}}));
    PARLEY_ASSIGN_OR_RETURN(
        auto averager,
        TestedAverager::Create({.communicator = &rank.communicator(),
                                .parameters = std::move(parameters),
                                .schedule = PeriodicSchedule({.period = 1})}));
    for (int step = 0; step < 2; ++step) {
      for (size_t i = 0; i < matrix.size(); ++i) {
        matrix[i] = r + static_cast<float>(i) + static_cast<float>(100 * step);
      }
      PARLEY_RETURN_IF_ERROR(averager->Step().status());
      for (size_t i = 0; i < matrix.size(); ++i) {
        EXPECT_EQ(matrix[i], (i % 3 == 2 ? r : 1.5f) + static_cast<float>(i) +
                                 static_cast<float>(100 * step));
      }
    }
    return absl::OkStatus();
  });
}

TEST(CasesTest, C14_LayoutsThatDifferBetweenRanksAreRefused) {
  const absl::Status error = CommonError(3, [](sim::RankContext& rank) {
    TensorSpec tensor{.name = "w", .shape = {2, 3, 4, 5}};
    if (rank.rank() == 2) tensor.strides = {60, 1, 15, 3};
    Replica replica(rank, {{.tensors = {tensor}}});
    return MakeAverager(rank.communicator(), replica, {.period = 1}).status();
  });
  EXPECT_EQ(error.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(error.message()),
              HasSubstr("rank 2 differs from rank 0 in parameters: 0x"));
}

// What a set of these is refused with.
std::string SetError(Policy policy, std::vector<Parameter> parameters) {
  const absl::Status status =
      ParameterSet::Create(
          {{.policy = policy, .parameters = std::move(parameters)}})
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(CasesTest, C15_DTypesThatAPolicyCannotTakeAreRefused) {
  int64_t data[3];
  for (DType dtype :
       {DType::kInt32, DType::kInt64, DType::kUInt8, DType::kBool}) {
    EXPECT_EQ(SetError(Policy::kAverage, {{"n", TensorView(data, dtype, 3)}}),
              absl::StrCat("parameter \"n\" (", Name(dtype),
                           "[3]): policy average takes floating-point tensors "
                           "only; integers have integer_mean, broadcast and "
                           "leave"));
  }
  for (DType dtype : {DType::kFloat32, DType::kFloat64, DType::kFloat16,
                      DType::kBFloat16, DType::kBool}) {
    EXPECT_EQ(
        SetError(Policy::kIntegerMean, {{"x", TensorView(data, dtype, 2)}}),
        absl::StrCat("parameter \"x\" (", Name(dtype),
                     "[2]): policy integer_mean takes integer tensors only"));
  }
}

TEST(CasesTest, C15_TensorsWithoutMemoryOfTheirOwnAreRefused) {
  float data[12];
  const TensorView all(data, DType::kFloat32, 12);
  EXPECT_EQ(SetError(Policy::kAverage,
                     {{"w", TensorView(nullptr, DType::kFloat32, {2, 3})}}),
            "parameter \"w\" (float32[2,3]): the data pointer is null");
  for (int64_t stride : {0, 2}) {
    const TensorView overlapping =
        *TensorView::Strided(data, DType::kFloat32, {4, 3}, {stride, 1});
    EXPECT_EQ(SetError(Policy::kAverage, {{"w", overlapping}}),
              absl::StrCat("parameter \"w\" (float32[4,3] with strides [",
                           stride, ",1]): its elements overlap"));
  }
  EXPECT_EQ(SetError(Policy::kAverage,
                     {{"a", all.Slice(0, 7)}, {"b", all.Slice(6, 6)}}),
            "parameter \"b\" (float32[6]): overlaps the memory of parameter "
            "\"a\" (float32[7])");
  EXPECT_EQ(SetError(Policy::kAverage,
                     {{"a", all.Slice(0, 6)}, {"a", all.Slice(6, 6)}}),
            "parameter \"a\" (float32[6]): the name is used twice");
  EXPECT_EQ(SetError(Policy::kAverage, {{"", all}}),
            "parameter \"\" (float32[12]): the name is empty");
}

TEST(CasesTest, C15_ShapesThatAreNoneAreRefused) {
  float data[12];
  const auto message = [&](const std::vector<int64_t>& shape,
                           const std::vector<int64_t>& strides) {
    const absl::Status status =
        TensorView::Strided(data, DType::kFloat32, shape, strides).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_EQ(message({3, -2}, {2, 1}),
            "dimension 1 has size -2 and stride 1; neither may be negative");
  EXPECT_EQ(message({3, 2}, {-7, 1}),
            "dimension 0 has size 3 and stride -7; neither may be negative");
  EXPECT_EQ(message({3, 2}, {1}), "a tensor with 2 dimensions and 1 strides");
  EXPECT_EQ(message(std::vector<int64_t>(9, 1), std::vector<int64_t>(9, 1)),
            "a tensor with 9 dimensions; at most 8 are supported");
}

TEST(CasesTest, C15_TensorsElsewhereAreRefusedOnAllRanks) {
  float data[6];
  const TensorView here(data, DType::kFloat32, 3);
  const TensorView there(data + 3, DType::kFloat32, 3, {DeviceKind::kCuda, 1});
  EXPECT_EQ(SetError(Policy::kAverage, {{"here", here}, {"there", there}}),
            "parameter \"there\" (float32[3]): is on cuda:1, but parameter "
            "\"here\" (float32[3]) on cpu:0");
  std::string where;  // rank 1 expects its tensors
  const auto error = CommonError(2, [&](sim::RankContext& rank) {
    const DeviceId device = rank.communicator().device().id();
    const TensorView own(data, DType::kFloat32, 3, device);
    const TensorView other(data, DType::kFloat32, 3, {DeviceKind::kCuda, 7});
    if (rank.rank() == 1) where = ToString(device);
    ParameterSet parameters = *ParameterSet::Create(
        {{.parameters = {{"w", rank.rank() == 1 ? other : own}}}});
    return TestedAverager::Create({.communicator = &rank.communicator(),
                                   .parameters = std::move(parameters),
                                   .schedule = PeriodicSchedule({.period = 2})})
        .status();
  });
  EXPECT_EQ(error.ToString(),
            absl::StrCat("INVALID_ARGUMENT: rank 1: parameter \"w\" is on "
                         "cuda:7, the communicator on ",
                         where));
}

}  // namespace
}  // namespace parley::testing
