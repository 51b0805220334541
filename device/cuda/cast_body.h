// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The Cast kernel's body: device/kernels/cast.h on vectors in registers. The
// dtype of the source is chosen inside: what a thread does with its elements
// differs little, and a kernel for each of the pairs would be 40 of them.
#ifndef PARLEY_DEVICE_CUDA_CAST_BODY_H_
#define PARLEY_DEVICE_CUDA_CAST_BODY_H_

#include <cstdint>

#include "parley/base/host_device.h"
#include "parley/device/cuda/chunk.h"
#include "parley/device/cuda/grid.h"
#include "parley/device/dtype.h"
#include "parley/device/kernels/cast.h"
#include "parley/device/kernels/element.h"
#include "parley/device/kernels/flat_arguments.h"

namespace parley {

struct CastParams {
  Split split;
  CastArgs args;
};

// Elements per vector: 16 bytes of the wider of the two.
PARLEY_HD constexpr int CastElements(DType from, DType to) {
  const int64_t wider = SizeOf(from) > SizeOf(to) ? SizeOf(from) : SizeOf(to);
  return kVectorBytes / static_cast<int>(wider);
}

template <DType kTo>
struct CastBody {
  using Params = CastParams;

  PARLEY_HD static void Run(const GridPosition& at, const Params& params) {
    switch (params.args.from_dtype) {
      case DType::kFloat32:
        return RunFrom<DType::kFloat32>(at, params);
      case DType::kFloat64:
        return RunFrom<DType::kFloat64>(at, params);
      case DType::kFloat16:
        return RunFrom<DType::kFloat16>(at, params);
      case DType::kBFloat16:
        return RunFrom<DType::kBFloat16>(at, params);
      case DType::kInt32:
        return RunFrom<DType::kInt32>(at, params);
      case DType::kInt64:
        return RunFrom<DType::kInt64>(at, params);
      case DType::kUInt8:
        return RunFrom<DType::kUInt8>(at, params);
      case DType::kBool:
        return RunFrom<DType::kBool>(at, params);
    }
  }

 private:
  template <DType kFrom>
  PARLEY_HD static void RunFrom(const GridPosition& at, const Params& params) {
    if constexpr (kernels::IsCastable(kFrom, kTo)) {
      using From = typename kernels::Element<kFrom>::Storage;
      using To = typename kernels::Element<kTo>::Storage;
      constexpr int kElements = CastElements(kFrom, kTo);
      ForEachChunk<kElements>(at, params.split, [&](auto access, int64_t i) {
        constexpr int kBytes =
            decltype(access)::kElements * static_cast<int>(sizeof(To));
        const auto from = access.template Load<From>(params.args.from, i);
        Chunk<kBytes> to;
        CastArgs local = params.args;
        local.from = &from;
        local.to = &to;
        PARLEY_UNROLL
        for (int k = 0; k < access.kElements; ++k) {
          kernels::CastElement<kFrom, kTo>(local, k);
        }
        access.template Store<To>(params.args.to, i, to);
      });
    }
  }
};

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_CAST_BODY_H_
