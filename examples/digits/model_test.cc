// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/examples/digits/model.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/base/random.h"

namespace parley::digits {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

// The model's tensors, in float64.
using Parameters = std::vector<std::vector<double>>;

Parameters ValuesOf(const Mlp& model) {
  Parameters result;
  for (const Mlp::Tensor& tensor : model.tensors()) {
    result.emplace_back(tensor.value.begin(), tensor.value.end());
  }
  return result;
}

// The mean loss written down once more, from the definition, in float64 and
// with the C library's exp and log.
double ReferenceLoss(const Parameters& p, const Dataset& data,
                     const std::vector<int>& batch) {
  double total = 0;
  for (int index : batch) {
    std::vector<double> logits = p[3];
    for (int h = 0; h < Mlp::kHidden; ++h) {
      double unit = p[1][h];
      for (int i = 0; i < kPixels; ++i) {
        unit += data.image(index)[i] * p[0][i * Mlp::kHidden + h];
      }
      for (int j = 0; j < kClasses; ++j) {
        logits[j] += std::max(unit, 0.0) * p[2][h * kClasses + j];
      }
    }
    double sum = 0;
    for (double logit : logits) sum += std::exp(logit);
    total += std::log(sum) - logits[data.labels[index]];
  }
  return total / static_cast<double>(batch.size());
}

TEST(MlpTest, GradientsAgreeWithFiniteDifferences) {
  const Dataset data = *LoadEmbedded();
  const std::vector<int> batch = {3, 141, 592};
  Mlp model(Random(1));
  const double loss = model.ComputeGradients(data, batch);
  Parameters values = ValuesOf(model);
  EXPECT_NEAR(loss, ReferenceLoss(values, data, batch), 1e-6);
  constexpr double kStep = 1e-6;
  for (size_t t = 0; t < values.size(); ++t) {
    const Mlp::Tensor& tensor = model.tensors()[t];
    double largest = 0;
    for (size_t i = 0; i < values[t].size(); ++i) {
      const double value = values[t][i];
      values[t][i] = value + kStep;
      const double above = ReferenceLoss(values, data, batch);
      values[t][i] = value - kStep;
      const double below = ReferenceLoss(values, data, batch);
      values[t][i] = value;
      const double slope = (above - below) / (2 * kStep);
      ASSERT_NEAR(tensor.gradient[i], slope, 2e-7) << tensor.name << " " << i;
      largest = std::max(largest, std::fabs(slope));
    }
    EXPECT_GT(largest, 0.01) << tensor.name << " was not exercised";
  }
}

TEST(MlpTest, GradientsAreOverwrittenNotAccumulated) {
  const Dataset data = *LoadEmbedded();
  const std::vector<int> batch = {1, 2};
  Mlp model(Random(1));
  model.ComputeGradients(data, batch);
  const auto first = model.tensors()[0].gradient;
  const std::vector<float> copy(first.begin(), first.end());
  model.ComputeGradients(data, batch);
  EXPECT_THAT(model.tensors()[0].gradient, ::testing::ElementsAreArray(copy));
}

TEST(MlpTest, TensorsAreNamedAndShaped) {
  Mlp model(Random(1));
  std::vector<std::string> names;
  std::vector<size_t> sizes;
  for (const Mlp::Tensor& tensor : model.tensors()) {
    names.emplace_back(tensor.name.data(), tensor.name.size());
    sizes.push_back(tensor.value.size());
    EXPECT_EQ(tensor.value.size(), tensor.gradient.size());
  }
  EXPECT_THAT(names, ElementsAre("hidden.weight", "hidden.bias",
                                 "output.weight", "output.bias"));
  EXPECT_THAT(sizes, ElementsAre(2048, 32, 320, 10));
}

TEST(MlpTest, InitialWeightsDependOnTheSeedAndBiasesAreZero) {
  Mlp a(Random(1)), b(Random(1)), c(Random(2));
  EXPECT_EQ(ValuesOf(a), ValuesOf(b));
  EXPECT_NE(ValuesOf(a)[0], ValuesOf(c)[0]);
  EXPECT_NE(ValuesOf(a)[2], ValuesOf(c)[2]);
  EXPECT_THAT(ValuesOf(a)[1], Each(0));
  EXPECT_THAT(ValuesOf(a)[3], Each(0));
}

TEST(MlpTest, AccuracyCountsTheImagesWhoseDigitHasTheLargestLogit) {
  const Dataset data = *LoadEmbedded();
  Mlp model(Random(1));
  for (const Mlp::Tensor& tensor : model.tensors()) {
    std::fill(tensor.value.begin(), tensor.value.end(), 0.0f);
  }
  model.tensors()[3].value[4] = 1;
  EXPECT_EQ(model.Accuracy(data), 181 / 1797.0);
}

TEST(MlpTest, LargeLogitsDoNotOverflow) {
  const Dataset data = *LoadEmbedded();
  Mlp model(Random(1));
  model.tensors()[3].value[data.labels[0]] = 1e30f;
  const std::vector<int> batch = {0};
  EXPECT_EQ(model.ComputeGradients(data, batch), 0);
  EXPECT_THAT(model.tensors()[3].gradient, Each(0));
}

}  // namespace
}  // namespace parley::digits
