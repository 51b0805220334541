// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The definition of the Mean kernel (see flat_arguments.h), one element at a
// time.
#ifndef PARLEY_DEVICE_KERNELS_MEAN_H_
#define PARLEY_DEVICE_KERNELS_MEAN_H_

#include <cstdint>

#include "parley/device/kernels/arithmetic.h"
#include "parley/device/kernels/element.h"
#include "parley/device/kernels/flat_arguments.h"

namespace parley::kernels {

__extension__ typedef __int128 Int128;

// What the sum of the terms is divided by.
PARLEY_HD inline double MeanDivisor(const MeanArgs& args) {
  if (args.divisor != 0) return args.divisor;
  if (args.weights == nullptr) return args.num_inputs;
  double sum = args.weights[0];
  for (int r = 1; r < args.num_inputs; ++r) sum = Add(sum, args.weights[r]);
  return sum;
}

// sum / n, halves to even. Requires n > 0.
PARLEY_HD inline Int128 DivideToEven(Int128 sum, Int128 n) {
  Int128 quotient = sum / n;
  Int128 rest = sum % n;
  if (rest < 0) {
    --quotient;
    rest += n;
  }
  const bool odd = (quotient & 1) != 0;
  if (2 * rest > n || (2 * rest == n && odd)) ++quotient;
  return quotient;
}

template <DType kDType>
PARLEY_HD double FloatingMean(const MeanArgs& args, double divisor, int64_t i) {
  using E = Element<kDType>;
  double sum = E::Load(args.inputs[0], i);
  if (args.weights == nullptr) {
    for (int r = 1; r < args.num_inputs; ++r) {
      sum = Add(sum, E::Load(args.inputs[r], i));
    }
  } else {
    sum = Mul(args.weights[0], sum);
    for (int r = 1; r < args.num_inputs; ++r) {
      sum = Add(sum, Mul(args.weights[r], E::Load(args.inputs[r], i)));
    }
  }
  return Div(sum, divisor);
}

template <DType kDType>
PARLEY_HD auto IntegerMean(const MeanArgs& args, int64_t i) {
  using E = Element<kDType>;
  Int128 sum = 0;
  for (int r = 0; r < args.num_inputs; ++r) sum += E::Load(args.inputs[r], i);
  return static_cast<typename E::Storage>(DivideToEven(sum, args.num_inputs));
}

// Element i of all outputs. `divisor` is MeanDivisor(args).
template <DType kDType>
PARLEY_HD void MeanElement(const MeanArgs& args, double divisor, int64_t i) {
  if constexpr (IsFloating(kDType)) {
    const double mean = FloatingMean<kDType>(args, divisor, i);
    for (int j = 0; j < args.num_outputs; ++j) {
      Element<kDType>::Store(args.outputs[j], i, mean);
    }
  } else if constexpr (kDType != DType::kBool) {
    const auto mean = IntegerMean<kDType>(args, i);
    for (int j = 0; j < args.num_outputs; ++j) {
      Element<kDType>::Store(args.outputs[j], i, mean);
    }
  }
}

}  // namespace parley::kernels

#endif  // PARLEY_DEVICE_KERNELS_MEAN_H_
