// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/temporal_average.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/averaging/checkpoint.h"
#include "parley/base/random.h"
#include "parley/base/rounding.h"
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

// A tensor of one element in 16 bits.
struct Sixteen {
  explicit Sixteen(DType dtype) : dtype(dtype) {}

  ParameterSet Parameters() {
    return *ParameterSet::Create(
        {{.parameters = {{"w", TensorView(&bits, dtype, 1)}}}});
  }
  void Set(double value) {
    bits = dtype == DType::kFloat16 ? RoundToFloat16(value)
                                    : RoundToBFloat16(value);
  }
  double Get() const {
    return dtype == DType::kFloat16 ? WidenFloat16(bits) : WidenBFloat16(bits);
  }

  DType dtype;
  uint16_t bits = 0;
};

// 1, then 1,000 times 2. What is kept, and what CopyTo() writes.
std::pair<double, double> EmaOfAStep(DType dtype,
                                     const TemporalAverage::Options& options) {
  CpuDevice device;
  Sixteen model(dtype);
  auto ema = TemporalAverage::Create(model.Parameters(), device, options);
  EXPECT_TRUE(ema.ok()) << ema.status();
  for (int n = 0; n <= 1000; ++n) {
    model.Set(n == 0 ? 1 : 2);
    EXPECT_TRUE((*ema)->Update().ok());
  }
  const TensorView kept = (*ema)->tensors()[0].tensor;
  EXPECT_TRUE((*ema)->CopyTo(model.Parameters()).ok());
  if (kept.dtype() == dtype) return {model.Get(), model.Get()};
  EXPECT_EQ(kept.dtype(), DType::kFloat32);
  return {*static_cast<const float*>(kept.data()), model.Get()};
}

TEST_F(TemporalAverageTest, A16BitModelsEmaStandsStill) {
  using Pair = std::pair<double, double>;
  EXPECT_EQ(EmaOfAStep(DType::kBFloat16, {.decay = 0.999}),
            Pair(1.6323041915893555, 1.6328125));
  EXPECT_EQ(EmaOfAStep(DType::kBFloat16, {.decay = 0.99}),
            Pair(1.9999568462371826, 2));
  EXPECT_EQ(EmaOfAStep(DType::kFloat16, {.decay = 0.999}),
            Pair(1.6323041915893555, 1.6318359375));
  // As it does where it was asked for.
  const auto of_the_model = [](double decay) {
    return EmaOfAStep(
        DType::kBFloat16,
        {.decay = decay, .precision = TemporalAverage::kOfTheModel});
  };
  EXPECT_EQ(of_the_model(0.999), Pair(1, 1));
  EXPECT_EQ(of_the_model(0.99), Pair(1.609375, 1.609375));
}

// Dense and strided tensors of three dtypes, and one that is only copied.
class MixedModel {
 public:
  ParameterSet Parameters() {
    return *ParameterSet::Create(
        {{.parameters =
              {{"half", TensorView(half_.data(), DType::kBFloat16, 7)},
               {"columns",
                *TensorView::Strided(matrix_.data() + 1, DType::kBFloat16,
                                     {3, 2}, {4, 1})},
               {"norm", TensorView::Of(absl::MakeSpan(norm_))},
               {"turned", *TensorView::Strided(turned_.data(), DType::kFloat16,
                                               {2, 3}, {1, 2})}}},
         {.policy = Policy::kBroadcast,
          .parameters = {
              {"running", TensorView(running_.data(), DType::kBFloat16, 2)}}}});
  }

  void Train(Random& random) {
    for (auto* tensor : {&half_, &matrix_, &running_}) {
      for (uint16_t& x : *tensor) x = RoundToBFloat16(random.UniformDouble());
    }
    for (uint16_t& x : turned_) x = RoundToFloat16(random.UniformDouble());
    for (float& x : norm_) x = static_cast<float>(random.UniformDouble());
  }

  // In the order of the parameters; of all that lies in memory.
  std::vector<double> Values() const {
    std::vector<double> values;
    for (uint16_t x : half_) values.push_back(WidenBFloat16(x));
    for (uint16_t x : matrix_) values.push_back(WidenBFloat16(x));
    for (float x : norm_) values.push_back(x);
    for (uint16_t x : turned_) values.push_back(WidenFloat16(x));
    for (uint16_t x : running_) values.push_back(WidenBFloat16(x));
    return values;
  }

 private:
  std::vector<uint16_t> half_ = std::vector<uint16_t>(7);
  std::vector<uint16_t> matrix_ = std::vector<uint16_t>(12);
  std::vector<float> norm_ = std::vector<float>(5);
  std::vector<uint16_t> turned_ = std::vector<uint16_t>(6);
  std::vector<uint16_t> running_ = std::vector<uint16_t>(2);
};

// How `value`, an average in float32, is written into element i of Values().
double Written(size_t i, double value) {
  if (i < 19) return WidenBFloat16(RoundToBFloat16(value));
  if (i < 24) return value;
  return WidenFloat16(RoundToFloat16(value));
}

TEST_F(TemporalAverageTest, EveryLayoutAndDtypeFollowsTheFormula) {
  for (const auto kind : {TemporalAverage::kEma, TemporalAverage::kSwa}) {
    MixedModel model;
    Random random(20260505);
    const auto average = TemporalAverage::Create(model.Parameters(), device_,
                                                 {.kind = kind, .decay = 0.9});
    ASSERT_TRUE(average.ok()) << average.status();
    std::vector<double> y;
    std::vector<double> x;
    for (int n = 0; n < 20; ++n) {
      model.Train(random);
      x = model.Values();
      ASSERT_TRUE((*average)->Update().ok());
      if (n == 0) y = x;
      const double t = kind == TemporalAverage::kEma ? 1 - 0.9 : 1.0 / (n + 1);
      for (size_t i = 0; i < y.size(); ++i) {
        y[i] = static_cast<float>(y[i] + t * (x[i] - y[i]));
      }
    }
    model.Train(random);
    const std::vector<double> trained = model.Values();
    ASSERT_TRUE((*average)->CopyTo(model.Parameters()).ok());
    const std::vector<double> written = model.Values();
    for (size_t i = 0; i < y.size(); ++i) {
      // Columns 0 and 3 of the matrix are nobody's.
      const bool between = i >= 7 && i < 19 && ((i - 7) % 4 + 1) % 4 < 2;
      double expected = between ? trained[i] : Written(i, y[i]);
      if (i >= 30) expected = x[i];
      EXPECT_EQ(written[i], expected) << i;
    }
  }
}

// Counts launches.
class CountingDevice : public CpuDevice {
 public:
  absl::Status Elementwise(const ElementwiseArgs& args,
                           Stream& stream) override {
    ++elementwise;
    return CpuDevice::Elementwise(args, stream);
  }
  absl::Status Copy(const CopyArgs& args, Stream& stream) override {
    if (args.num_copies > 0) ++copies;
    return CpuDevice::Copy(args, stream);
  }
  int elementwise = 0;
  int copies = 0;
};

TEST_F(TemporalAverageTest, ThousandsOfTensorsAreOneLaunch) {
  constexpr int kTensors = 2300;
  std::vector<float> values(kTensors * 3, 1.0f);
  std::vector<Parameter> parameters;
  for (int i = 0; i < kTensors; ++i) {
    parameters.push_back(
        {"tensor " + std::to_string(i),
         TensorView::Of(absl::MakeSpan(values).subspan(3 * i, 3))});
  }
  const auto set = ParameterSet::Create({{.parameters = parameters}});
  ASSERT_TRUE(set.ok()) << set.status();
  CountingDevice device;
  const auto ema = TemporalAverage::Create(*set, device, {.decay = 0.5});
  ASSERT_TRUE(ema.ok()) << ema.status();
  ASSERT_TRUE((*ema)->Update().ok());
  EXPECT_EQ(device.copies + device.elementwise, 1);
  values.assign(values.size(), 2.0f);
  ASSERT_TRUE((*ema)->Update().ok());
  EXPECT_EQ(device.copies + device.elementwise, 2);
  ASSERT_TRUE((*ema)->CopyTo(*set).ok());
  EXPECT_EQ(device.copies + device.elementwise, 3);
  EXPECT_EQ(values, std::vector<float>(values.size(), 1.5f));
}

// In float32, at every count.
TEST_F(TemporalAverageTest, RestoredAverageOf16BitsGoesOnWithTheSameBits) {
  const std::string path = ::testing::TempDir() + "/ema16.safetensors";
  for (int stop : {0, 1, 5}) {
    MixedModel model;
    Random random(20260506);
    const auto make = [&] {
      auto ema = TemporalAverage::Create(model.Parameters(), device_,
                                         {.decay = 0.999});
      EXPECT_TRUE(ema.ok()) << ema.status();
      return *std::move(ema);
    };
    auto straight = make();
    auto resumed = make();
    for (int n = 0; n < 10; ++n) {
      if (n == stop) {
        ASSERT_TRUE(WriteCheckpoint(path, resumed->State()).ok());
        resumed = make();
        const auto saved = ReadCheckpoint(path);
        ASSERT_TRUE(saved.ok()) << saved.status();
        ASSERT_EQ(resumed->Restore(saved->state), absl::OkStatus());
      }
      model.Train(random);
      ASSERT_TRUE(straight->Update().ok());
      ASSERT_TRUE(resumed->Update().ok());
    }
    for (size_t i = 0; i < straight->tensors().size(); ++i) {
      const TensorView a = straight->tensors()[i].tensor;
      const TensorView b = resumed->tensors()[i].tensor;
      EXPECT_EQ(std::memcmp(a.data(), b.data(), static_cast<size_t>(a.bytes())),
                0)
          << i;
    }
  }
}

// Before, an average had its model's dtype.
TEST_F(TemporalAverageTest, StatesOfAnotherPrecisionAreRefusedOrGoOn) {
  Sixteen model(DType::kBFloat16);
  const auto make = [&](TemporalAverage::Precision precision) {
    return *TemporalAverage::Create(model.Parameters(), device_,
                                    {.decay = 0.5, .precision = precision});
  };
  model.Set(3);
  const auto narrow = make(TemporalAverage::kOfTheModel);
  ASSERT_TRUE(narrow->Update().ok());
  const auto wide = make(TemporalAverage::kAtLeastFloat32);
  ASSERT_TRUE(wide->Update().ok());
  const std::string advice =
      "; the average was saved with another precision: set "
      "TemporalAverage::Options::precision to that";
  EXPECT_EQ(wide->Restore(narrow->State()),
            absl::InvalidArgumentError("state: tensor: got \"w\" bfloat16[1], "
                                       "expected \"w\" float32[1]" +
                                       advice));
  EXPECT_EQ(narrow->Restore(wide->State()),
            absl::InvalidArgumentError("state: tensor: got \"w\" float32[1], "
                                       "expected \"w\" bfloat16[1]" +
                                       advice));
  const auto resumed = make(TemporalAverage::kOfTheModel);
  EXPECT_EQ(resumed->Restore(narrow->State()), absl::OkStatus());
  model.Set(0);
  ASSERT_TRUE(resumed->CopyTo(model.Parameters()).ok());
  EXPECT_EQ(model.Get(), 3);
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
