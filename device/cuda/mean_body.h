// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The Mean kernel's body: device/kernels/mean.h by the vector. The lists travel
// in the parameters, so that a launch owns them and a captured one replays
// them.
#ifndef PARLEY_DEVICE_CUDA_MEAN_BODY_H_
#define PARLEY_DEVICE_CUDA_MEAN_BODY_H_

#include <cstdint>
#include <type_traits>

#include "parley/base/host_device.h"
#include "parley/device/cuda/chunk.h"
#include "parley/device/cuda/grid.h"
#include "parley/device/dtype.h"
#include "parley/device/kernels/arithmetic.h"
#include "parley/device/kernels/element.h"
#include "parley/device/kernels/mean.h"

namespace parley {

// Inputs and outputs together: of an ordinary launch, and as many as the
// parameters of a launch (32,764 bytes) can hold.
inline constexpr int kFewMeanTensors = 64;
inline constexpr int kMostMeanTensors = 2036;

template <int kCapacity>
struct MeanParams {
  Split split;
  double divisor;
  int num_inputs;
  int num_outputs;
  bool weighted;
  const void* inputs_then_outputs[kCapacity];
  double weights[kCapacity];

  PARLEY_HD const void* input(int r) const { return inputs_then_outputs[r]; }
  PARLEY_HD void* output(int j) const {
    return const_cast<void*>(inputs_then_outputs[num_inputs + j]);
  }
};

// Elements per vector. The 128-bit sums of integers take four registers each.
PARLEY_HD constexpr int MeanElements(DType dtype) {
  const int most = kVectorBytes / static_cast<int>(SizeOf(dtype));
  return IsFloating(dtype) || most < 4 ? most : 4;
}

template <DType kDType, int kCapacity>
struct MeanBody {
  using Params = MeanParams<kCapacity>;

  PARLEY_HD static void Run(const GridPosition& at, const Params& params) {
    ForEachChunk<MeanElements(kDType)>(
        at, params.split, [&](auto access, int64_t i) {
          if constexpr (IsFloating(kDType)) {
            if (params.weighted) return MeanOf<true>(access, params, i);
          }
          MeanOf<false>(access, params, i);
        });
  }

 private:
  using E = kernels::Element<kDType>;
  using Storage = typename E::Storage;
  using Sum = std::conditional_t<IsFloating(kDType), double, kernels::Int128>;

  template <bool kWeighted, typename Access>
  PARLEY_HD static void MeanOf(Access access, const Params& params, int64_t i) {
    constexpr int kElements = Access::kElements;
    Sum sums[kElements];
    auto chunk = access.template Load<Storage>(params.input(0), i);
    PARLEY_UNROLL
    for (int k = 0; k < kElements; ++k) {
      sums[k] = Term<kWeighted>(params, 0, E::Load(&chunk, k));
    }
    PARLEY_UNROLL_2
    for (int r = 1; r < params.num_inputs; ++r) {
      const auto next = access.template Load<Storage>(params.input(r), i);
      PARLEY_UNROLL
      for (int k = 0; k < kElements; ++k) {
        sums[k] = Plus(sums[k], Term<kWeighted>(params, r, E::Load(&next, k)));
      }
    }
    PARLEY_UNROLL
    for (int k = 0; k < kElements; ++k) {
      E::Store(&chunk, k, Quotient(params, sums[k]));
    }
    for (int j = 0; j < params.num_outputs; ++j) {
      access.template Store<Storage>(params.output(j), i, chunk);
    }
  }

  template <bool kWeighted, typename Value>
  PARLEY_HD static Sum Term(const Params& params, int r, Value value) {
    if constexpr (kWeighted) {
      return kernels::Mul(params.weights[r], value);
    } else {
      return value;
    }
  }

  PARLEY_HD static Sum Plus(Sum a, Sum b) {
    if constexpr (IsFloating(kDType)) {
      return kernels::Add(a, b);
    } else {
      return a + b;
    }
  }

  PARLEY_HD static auto Quotient(const Params& params, Sum sum) {
    if constexpr (IsFloating(kDType)) {
      return kernels::Div(sum, params.divisor);
    } else {
      return static_cast<Storage>(
          kernels::DivideToEven(sum, params.num_inputs));
    }
  }
};

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_MEAN_BODY_H_
