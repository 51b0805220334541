// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The bodies of Axpby, Lerp and Delta: device/kernels/combine.h on vectors in
// registers.
#ifndef PARLEY_DEVICE_CUDA_COMBINE_BODY_H_
#define PARLEY_DEVICE_CUDA_COMBINE_BODY_H_

#include <cstdint>

#include "parley/base/host_device.h"
#include "parley/device/cuda/chunk.h"
#include "parley/device/cuda/grid.h"
#include "parley/device/dtype.h"
#include "parley/device/kernels/combine.h"
#include "parley/device/kernels/element.h"
#include "parley/device/kernels/flat_arguments.h"

namespace parley {

template <typename Args>
struct CombineParams {
  Split split;
  Args args;
};

// Kernels that change y by x. `Kernel` says which.
template <DType kDType, typename Kernel>
struct UpdateBody {
  using Args = typename Kernel::Args;
  using Params = CombineParams<Args>;
  using Storage = typename kernels::Element<kDType>::Storage;
  static constexpr int kElements = kVectorBytes / sizeof(Storage);

  PARLEY_HD static void Run(const GridPosition& at, const Params& params) {
    ForEachChunk<kElements>(at, params.split, [&](auto access, int64_t i) {
      const auto x = access.template Load<Storage>(params.args.x, i);
      auto y = access.template Load<Storage>(params.args.y, i);
      Args local = params.args;
      local.x = &x;
      local.y = &y;
      PARLEY_UNROLL
      for (int k = 0; k < access.kElements; ++k) {
        Kernel::template Element<kDType>(local, k);
      }
      access.template Store<Storage>(params.args.y, i, y);
    });
  }
};

struct AxpbyKernel {
  using Args = AxpbyArgs;
  template <DType kDType>
  PARLEY_HD static void Element(const Args& args, int64_t i) {
    kernels::AxpbyElement<kDType>(args, i);
  }
};

struct LerpKernel {
  using Args = LerpArgs;
  template <DType kDType>
  PARLEY_HD static void Element(const Args& args, int64_t i) {
    kernels::LerpElement<kDType>(args, i);
  }
};

template <DType kDType>
using AxpbyBody = UpdateBody<kDType, AxpbyKernel>;
template <DType kDType>
using LerpBody = UpdateBody<kDType, LerpKernel>;

template <DType kDType>
struct DeltaBody {
  using Params = CombineParams<DeltaArgs>;
  using Storage = typename kernels::Element<kDType>::Storage;
  static constexpr int kElements = kVectorBytes / sizeof(Storage);

  PARLEY_HD static void Run(const GridPosition& at, const Params& params) {
    ForEachChunk<kElements>(at, params.split, [&](auto access, int64_t i) {
      const auto a = access.template Load<Storage>(params.args.a, i);
      const auto b = access.template Load<Storage>(params.args.b, i);
      auto output = a;
      DeltaArgs local = params.args;
      local.a = &a;
      local.b = &b;
      local.output = &output;
      PARLEY_UNROLL
      for (int k = 0; k < access.kElements; ++k) {
        kernels::DeltaElement<kDType>(local, k);
      }
      access.template Store<Storage>(params.args.output, i, output);
    });
  }
};

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_COMBINE_BODY_H_
