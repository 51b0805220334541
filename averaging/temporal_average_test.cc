// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/temporal_average.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/averaging/checkpoint.h"
#include "parley/device/cpu/cpu_device.h"

namespace parley {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TemporalAverageTest : public ::testing::Test {
 protected:
  // A weight, the second and third columns of a 3-column matrix, a counter and
  // a buffer that is not averaged.
  ParameterSet Parameters() {
    return *ParameterSet::Create(
        {{.parameters = {{"weight", TensorView::Of(absl::MakeSpan(weight_))},
                         {"columns", *TensorView::Strided(matrix_.data() + 1,
                                                          DType::kFloat64,
                                                          {2, 2}, {3, 1})}}},
         {.policy = Policy::kBroadcast,
          .parameters = {
              {"count", TensorView::Of(absl::MakeSpan(count_))},
              {"running", TensorView::Of(absl::MakeSpan(running_))}}}});
  }

  std::unique_ptr<TemporalAverage> Make(
      const TemporalAverage::Options& options) {
    auto average = TemporalAverage::Create(Parameters(), device_, options);
    EXPECT_TRUE(average.ok()) << average.status();
    return *std::move(average);
  }

  void Set(double value) {
    weight_.assign(2, value);
    matrix_.assign(6, value);
    count_.assign(1, static_cast<int64_t>(value));
    running_.assign(1, static_cast<float>(value));
  }

  CpuDevice device_;
  std::vector<double> weight_;
  std::vector<double> matrix_;
  std::vector<int64_t> count_;
  std::vector<float> running_;
};

TEST_F(TemporalAverageTest, EmaFollowsItsFormula) {
  Set(0);
  auto ema = Make({.kind = TemporalAverage::kEma, .decay = 0.75});
  double expected = 0;
  for (int n = 0; n < 10; ++n) {
    Set(n * n);
    ASSERT_TRUE(ema->Update().ok());
    expected = n == 0 ? 0 : expected + 0.25 * (n * n - expected);
  }
  EXPECT_EQ(ema->count(), 10);
  ASSERT_TRUE(ema->CopyTo(Parameters()).ok());
  EXPECT_THAT(weight_, ElementsAre(expected, expected));
  EXPECT_THAT(matrix_,
              ElementsAre(81, expected, expected, 81, expected, expected));
  EXPECT_THAT(count_, ElementsAre(81));
  EXPECT_THAT(running_, ElementsAre(81));
}

TEST_F(TemporalAverageTest, SwaIsTheMeanOfWhatItSaw) {
  Set(0);
  auto swa = Make({.kind = TemporalAverage::kSwa});
  for (int n = 1; n <= 4; ++n) {
    Set(n == 3 ? 6 : n);
    ASSERT_TRUE(swa->Update().ok());
  }
  ASSERT_TRUE(swa->CopyTo(Parameters()).ok());
  // 1, 1.5, 3, 3.25
  EXPECT_THAT(weight_, ElementsAre(3.25, 3.25));
  EXPECT_THAT(matrix_, ElementsAre(4, 3.25, 3.25, 4, 3.25, 3.25));
}

TEST_F(TemporalAverageTest, DecayOutsideItsRangeIsRefusedWithTheValue) {
  Set(0);
  for (double decay : {-0.1, 1.5}) {
    const auto status =
        TemporalAverage::Create(Parameters(), device_, {.decay = decay})
            .status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("must be in [0, 1]"));
  }
  for (double decay : {0.0, 1.0}) {
    auto ema = Make({.decay = decay});
    Set(3);
    ASSERT_TRUE(ema->Update().ok());
    Set(5);
    ASSERT_TRUE(ema->Update().ok());
    ASSERT_TRUE(ema->CopyTo(Parameters()).ok());
    EXPECT_THAT(weight_[0], decay == 0 ? 5 : 3);
  }
}

TEST_F(TemporalAverageTest, ThereIsNoAverageBeforeTheFirstUpdate) {
  Set(1);
  auto ema = Make({});
  EXPECT_EQ(ema->CopyTo(Parameters()).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(ema->State().tensors, IsEmpty());
}

TEST_F(TemporalAverageTest, RestoredAverageGoesOnWithTheSameBits) {
  const std::string path = ::testing::TempDir() + "/ema.safetensors";
  Set(0);
  for (int stop : {0, 1, 3}) {
    auto straight = Make({.decay = 0.9});
    auto resumed = Make({.decay = 0.9});
    for (int n = 0; n < 5; ++n) {
      if (n == stop) {
        ASSERT_TRUE(WriteCheckpoint(path, resumed->State()).ok());
        resumed = Make({.decay = 0.9});
        const auto saved = ReadCheckpoint(path);
        ASSERT_TRUE(saved.ok()) << saved.status();
        const absl::Status status = resumed->Restore(saved->state);
        ASSERT_TRUE(status.ok()) << status;
        EXPECT_EQ(resumed->count(), n);
      }
      Set(0.1 * n);
      ASSERT_TRUE(straight->Update().ok());
      ASSERT_TRUE(resumed->Update().ok());
    }
    ASSERT_TRUE(straight->CopyTo(Parameters()).ok());
    const auto weight = weight_;
    const auto matrix = matrix_;
    ASSERT_TRUE(resumed->CopyTo(Parameters()).ok());
    EXPECT_EQ(weight, weight_);
    EXPECT_EQ(matrix, matrix_);
  }
}

TEST_F(TemporalAverageTest, ForeignStatesAreRefusedByField) {
  Set(1);
  auto ema = Make({.decay = 0.5});
  ASSERT_TRUE(ema->Update().ok());
  SavedState state = ema->State();
  auto message = [&](const TemporalAverage::Options& options) {
    return std::string(Make(options)->Restore(state).message());
  };
  EXPECT_EQ(message({.decay = 0.5}), "");
  EXPECT_THAT(message({.kind = TemporalAverage::kSwa}),
              HasSubstr("state: average: ema in the state, swa here"));
  EXPECT_THAT(message({.decay = 0.25}), HasSubstr("state: decay_bits"));
  state.tensors.pop_back();
  EXPECT_THAT(message({.decay = 0.5}),
              HasSubstr("state: tensors: 3, must be 4"));
}

}  // namespace
}  // namespace parley
