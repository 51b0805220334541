// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The Reduce kernel's body: device/kernels/reduce.h by the vector.
#ifndef PARLEY_DEVICE_CUDA_REDUCE_BODY_H_
#define PARLEY_DEVICE_CUDA_REDUCE_BODY_H_

#include <cstdint>

#include "parley/base/host_device.h"
#include "parley/device/cuda/chunk.h"
#include "parley/device/cuda/grid.h"
#include "parley/device/dtype.h"
#include "parley/device/kernels/element.h"
#include "parley/device/kernels/reduce.h"

namespace parley {

inline constexpr int kFewReduceInputs = 64;
inline constexpr int kMostReduceInputs = 4072;

template <int kCapacity>
struct ReduceParams {
  Split split;
  ReduceOp op;
  int num_inputs;
  void* output;
  const void* inputs[kCapacity];
};

// Elements per vector. More than 8 results would not fit into the registers.
PARLEY_HD constexpr int ReduceElements(DType dtype) {
  const int most = kVectorBytes / static_cast<int>(SizeOf(dtype));
  return most < 8 ? most : 8;
}

template <DType kDType, int kCapacity>
struct ReduceBody {
  using Params = ReduceParams<kCapacity>;
  static constexpr int kElements = ReduceElements(kDType);

  // Sums, which are on the way of a meeting, have a loop of their own.
  PARLEY_HD static void Run(const GridPosition& at, const Params& params) {
    ForEachChunk<kElements>(at, params.split, [&](auto access, int64_t i) {
      if (params.op == ReduceOp::kSum) {
        ReduceOf<true>(access, params, i);
      } else {
        ReduceOf<false>(access, params, i);
      }
    });
  }

 private:
  using E = kernels::Element<kDType>;
  using Storage = typename E::Storage;
  using Value = decltype(E::Load(nullptr, 0));

  template <bool kSum, typename Access>
  PARLEY_HD static void ReduceOf(Access access, const Params& params,
                                 int64_t i) {
    constexpr int kCount = Access::kElements;
    auto chunk = access.template Load<Storage>(params.inputs[0], i);
    Value values[kCount];
    PARLEY_UNROLL
    for (int k = 0; k < kCount; ++k) values[k] = E::Load(&chunk, k);
    if constexpr (kSum) {
      PARLEY_UNROLL_2
      for (int r = 1; r < params.num_inputs; ++r) {
        Take(ReduceOp::kSum, access.template Load<Storage>(params.inputs[r], i),
             values);
      }
    } else {
      PARLEY_NO_UNROLL
      for (int r = 1; r < params.num_inputs; ++r) {
        Take(params.op, access.template Load<Storage>(params.inputs[r], i),
             values);
      }
    }
    PARLEY_UNROLL
    for (int k = 0; k < kCount; ++k) E::Store(&chunk, k, values[k]);
    access.template Store<Storage>(params.output, i, chunk);
  }

  template <typename Chunk, int kCount>
  PARLEY_HD static void Take(ReduceOp op, const Chunk& chunk,
                             Value (&values)[kCount]) {
    PARLEY_UNROLL
    for (int k = 0; k < kCount; ++k) {
      values[k] = kernels::Combine(op, values[k], E::Load(&chunk, k));
    }
  }
};

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_REDUCE_BODY_H_
