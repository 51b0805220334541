// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/examples/digits/model.h"

#include <algorithm>
#include <cmath>

#include "parley/examples/digits/math.h"

#ifdef __FAST_MATH__
#error "Reordered arithmetic has other bits: build without -ffast-math."
#endif

namespace parley::digits {
namespace {

// Uniform in +-sqrt(6 / fan_in), which keeps the variance of activations
// through rectified units (He et al., 2015).
void Initialize(absl::Span<float> weights, int fan_in, Random random) {
  const double bound = std::sqrt(6.0 / fan_in);
  for (float& weight : weights) {
    weight = static_cast<float>((2 * random.UniformDouble() - 1) * bound);
  }
}

// Sets `gradient` to the derivative of weight * loss with respect to the
// logits and returns the loss, -log softmax(logits)[label].
template <typename Logits>
double CrossEntropy(const Logits& logits, int label, double weight,
                    Logits& gradient) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  std::array<double, kClasses> exponentials;
  double sum = 0;
  for (int j = 0; j < kClasses; ++j) {
    exponentials[j] = Exp(logits[j] - largest);
    sum += exponentials[j];
  }
  for (int j = 0; j < kClasses; ++j) {
    const double target = j == label ? 1 : 0;
    gradient[j] = static_cast<float>(weight * (exponentials[j] / sum - target));
  }
  return Log(sum) - (logits[label] - largest);
}

// outputs += input * weights, for one input.
template <size_t kOutputs>
void AddScaled(float input, const float* weights,
               std::array<float, kOutputs>& outputs) {
  for (size_t j = 0; j < kOutputs; ++j) outputs[j] += input * weights[j];
}

// weights += input * gradients, for one input.
template <size_t kOutputs>
void AddOuter(float input, const std::array<float, kOutputs>& gradients,
              float* weights) {
  for (size_t j = 0; j < kOutputs; ++j) weights[j] += input * gradients[j];
}

}  // namespace

Mlp::Mlp(Random random)
    : tensors_{{{"hidden.weight", absl::MakeSpan(value_.hidden_weight),
                 absl::MakeSpan(gradient_.hidden_weight)},
                {"hidden.bias", absl::MakeSpan(value_.hidden_bias),
                 absl::MakeSpan(gradient_.hidden_bias)},
                {"output.weight", absl::MakeSpan(value_.output_weight),
                 absl::MakeSpan(gradient_.output_weight)},
                {"output.bias", absl::MakeSpan(value_.output_bias),
                 absl::MakeSpan(gradient_.output_bias)}}} {
  Initialize(absl::MakeSpan(value_.hidden_weight), kPixels,
             random.Fork("hidden.weight"));
  Initialize(absl::MakeSpan(value_.output_weight), kHidden,
             random.Fork("output.weight"));
}

Mlp::Hidden Mlp::HiddenOf(const float* image) const {
  Hidden hidden = value_.hidden_bias;
  for (int i = 0; i < kPixels; ++i) {
    AddScaled(image[i], &value_.hidden_weight[i * kHidden], hidden);
  }
  for (float& unit : hidden) unit = unit > 0 ? unit : 0;
  return hidden;
}

Mlp::Logits Mlp::LogitsOf(const Hidden& hidden) const {
  Logits logits = value_.output_bias;
  for (int i = 0; i < kHidden; ++i) {
    AddScaled(hidden[i], &value_.output_weight[i * kClasses], logits);
  }
  return logits;
}

void Mlp::Backward(const float* image, const Hidden& hidden,
                   const Logits& logit_gradient) {
  Hidden hidden_gradient = {};
  for (int i = 0; i < kHidden; ++i) {
    AddOuter(hidden[i], logit_gradient, &gradient_.output_weight[i * kClasses]);
    if (hidden[i] <= 0) continue;
    const float* weights = &value_.output_weight[i * kClasses];
    for (int j = 0; j < kClasses; ++j) {
      hidden_gradient[i] += weights[j] * logit_gradient[j];
    }
  }
  for (int i = 0; i < kPixels; ++i) {
    AddOuter(image[i], hidden_gradient, &gradient_.hidden_weight[i * kHidden]);
  }
  AddOuter(1, hidden_gradient, gradient_.hidden_bias.data());
  AddOuter(1, logit_gradient, gradient_.output_bias.data());
}

double Mlp::ComputeGradients(const Dataset& data, absl::Span<const int> batch) {
  gradient_ = {};
  const double weight = 1.0 / static_cast<double>(batch.size());
  double loss = 0;
  for (int index : batch) {
    const Hidden hidden = HiddenOf(data.image(index));
    Logits logit_gradient;
    loss += CrossEntropy(LogitsOf(hidden), data.labels[index], weight,
                         logit_gradient);
    Backward(data.image(index), hidden, logit_gradient);
  }
  return loss * weight;
}

double Mlp::Accuracy(const Dataset& data) const {
  int correct = 0;
  for (int i = 0; i < data.size(); ++i) {
    const Logits logits = LogitsOf(HiddenOf(data.image(i)));
    const auto best = std::max_element(logits.begin(), logits.end());
    if (best - logits.begin() == data.labels[i]) ++correct;
  }
  return static_cast<double>(correct) / data.size();
}

}  // namespace parley::digits
