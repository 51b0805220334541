// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Mlp: 64 pixels -> 32 rectified units -> 10 digits, trained with softmax
// cross-entropy. Written to be read and to give the same bits everywhere, so
// plain loops in a fixed order; a product would use a real framework.
//
//   Mlp model(Random(seed).Fork("init"));
//   double loss = model.ComputeGradients(data.train, batch);
//   for (const Mlp::Tensor& tensor : model.tensors()) {
//     // tensor.value, tensor.gradient
//   }
//   double accuracy = model.Accuracy(data.test);
//
// Guarantees: the tensors' memory stays where it is for the model's lifetime.
// Thread-safety: thread-compatible.
#ifndef PARLEY_EXAMPLES_DIGITS_MODEL_H_
#define PARLEY_EXAMPLES_DIGITS_MODEL_H_

#include <array>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "parley/base/random.h"
#include "parley/examples/digits/dataset.h"

namespace parley::digits {

class Mlp {
 public:
  static constexpr int kHidden = 32;

  // A parameter and the gradient of the last mini-batch, row-major.
  struct Tensor {
    absl::string_view name;
    absl::Span<float> value;
    absl::Span<float> gradient;
  };

  // Draws the initial weights; biases begin at zero.
  explicit Mlp(Random random);

  Mlp(const Mlp&) = delete;
  Mlp& operator=(const Mlp&) = delete;

  absl::Span<const Tensor> tensors() const { return tensors_; }

  // Overwrites the gradients with those of the mean loss over `batch`, indices
  // of images in `data`, and returns that loss. Requires a batch that is not
  // empty.
  double ComputeGradients(const Dataset& data, absl::Span<const int> batch);

  // The fraction of images recognised. Requires data that is not empty.
  double Accuracy(const Dataset& data) const;

 private:
  // Weights lie input-major, so that the inner loops run over outputs, which
  // are independent sums: compilers may vectorise those without reordering.
  struct Parameters {
    std::array<float, kPixels * kHidden> hidden_weight;
    std::array<float, kHidden> hidden_bias;
    std::array<float, kHidden * kClasses> output_weight;
    std::array<float, kClasses> output_bias;
  };

  using Hidden = std::array<float, kHidden>;
  using Logits = std::array<float, kClasses>;

  Hidden HiddenOf(const float* image) const;
  Logits LogitsOf(const Hidden& hidden) const;
  void Backward(const float* image, const Hidden& hidden,
                const Logits& logit_gradient);

  Parameters value_ = {};
  Parameters gradient_ = {};
  std::array<Tensor, 4> tensors_;
};

}  // namespace parley::digits

#endif  // PARLEY_EXAMPLES_DIGITS_MODEL_H_
