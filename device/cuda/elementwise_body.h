// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The body of the element-wise kernels: an operation of
// device/kernels/elementwise_ops-inl.h on vectors in registers, over a list of
// pieces that travels in the launch's parameters; the threads share its
// elements evenly, however unequal the pieces are. Dtypes are chosen inside:
// what a thread does with its elements differs little, and a kernel for each
// combination would be hundreds of them.
#ifndef PARLEY_DEVICE_CUDA_ELEMENTWISE_BODY_H_
#define PARLEY_DEVICE_CUDA_ELEMENTWISE_BODY_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "parley/base/host_device.h"
#include "parley/device/cuda/chunk.h"
#include "parley/device/cuda/copy_body.h"
#include "parley/device/cuda/grid.h"
#include "parley/device/dtype.h"
#include "parley/device/kernels/element.h"
#include "parley/device/kernels/elementwise.h"
#include "parley/device/kernels/elementwise_ops.h"

namespace parley {

template <int kOperands>
struct ElementwiseEntry {
  void* operands[kOperands];
  Split split;
  int64_t begin;  // its first unit
};

template <int kOperands, int kCapacity>
struct ElementwiseParams {
  int64_t units;
  double scalars[kMaxScalars];
  DType dtypes[kOperands];
  int num_entries;
  ElementwiseEntry<kOperands> entries[kCapacity];
};

inline constexpr int kFewElementwisePieces = 24;

// As many as the parameters of a launch have room for.
constexpr int MostElementwisePieces(int operands) {
  constexpr int kBytes = 32764 - 256;
  constexpr int kEntryBytes = sizeof(Split) + sizeof(int64_t);
  return kBytes / (kEntryBytes + operands * static_cast<int>(sizeof(void*)));
}

// Elements per vector: 16 bytes of the widest operand.
inline int ElementwiseElements(const ElementwiseArgs& args, int operands) {
  int64_t widest = 1;
  for (int k = 0; k < operands; ++k) {
    const int64_t size = SizeOf(args.dtypes[k]);
    if (size > widest) widest = size;
  }
  return kVectorBytes / static_cast<int>(widest);
}

template <typename Op_, int kElements_, bool kFew>
struct ElementwiseBody {
  using Op = Op_;
  static constexpr int kElements = kElements_;
  static constexpr int kOperands = Op::kSignature.num_operands();
  static constexpr int kCapacity =
      kFew ? kFewElementwisePieces : MostElementwisePieces(kOperands);
  using Params = ElementwiseParams<kOperands, kCapacity>;

  PARLEY_HD static void Run(const GridPosition& at, const Params& params) {
    int entry = 0;
    for (int64_t unit = at.thread; unit < params.units; unit += at.threads) {
      entry = FindEntry(params.entries, params.num_entries, entry, unit);
      RunUnit(params, params.entries[entry],
              unit - params.entries[entry].begin);
    }
  }

 private:
  using Entry = ElementwiseEntry<kOperands>;
  using Indices = std::make_index_sequence<kOperands>;

  PARLEY_HD static void RunUnit(const Params& params, const Entry& entry,
                                int64_t unit) {
    const Split& split = entry.split;
    if (unit < split.vectors) {
      return RunChunk<Access<kElements, true>>(
          params, entry, split.VectorAt(unit, kElements), Indices());
    }
    const int64_t i = split.SingleAt(unit - split.vectors, kElements);
    if (split.aligned) {
      RunChunk<Access<1, true>>(params, entry, i, Indices());
    } else {
      RunChunk<Access<1, false>>(params, entry, i, Indices());
    }
  }

  template <typename Access, size_t... kIndices>
  PARLEY_HD static void RunChunk(const Params& params, const Entry& entry,
                                 int64_t i, std::index_sequence<kIndices...>) {
    double values[Access::kElements][kOperands] = {};
    (Load<Access, kIndices>(params, entry, i, values), ...);
    PARLEY_UNROLL
    for (int e = 0; e < Access::kElements; ++e) {
      kernels::Apply<Op>(params.scalars, values[e], Indices());
    }
    (Store<Access, kIndices>(params, entry, i, values), ...);
  }

  template <typename Access, int kOperand>
  PARLEY_HD static void Load(const Params& params, const Entry& entry,
                             int64_t i,
                             double (&values)[Access::kElements][kOperands]) {
    if constexpr (Op::kSignature.operands[kOperand].is_read()) {
      switch (params.dtypes[kOperand]) {
        case DType::kFloat64:
          return LoadAs<Access, kOperand, DType::kFloat64>(entry, i, values);
        case DType::kFloat16:
          return LoadAs<Access, kOperand, DType::kFloat16>(entry, i, values);
        case DType::kBFloat16:
          return LoadAs<Access, kOperand, DType::kBFloat16>(entry, i, values);
        default:
          return LoadAs<Access, kOperand, DType::kFloat32>(entry, i, values);
      }
    }
  }

  template <typename Access, int kOperand>
  PARLEY_HD static void Store(
      const Params& params, const Entry& entry, int64_t i,
      const double (&values)[Access::kElements][kOperands]) {
    if constexpr (Op::kSignature.operands[kOperand].is_written()) {
      switch (params.dtypes[kOperand]) {
        case DType::kFloat64:
          return StoreAs<Access, kOperand, DType::kFloat64>(entry, i, values);
        case DType::kFloat16:
          return StoreAs<Access, kOperand, DType::kFloat16>(entry, i, values);
        case DType::kBFloat16:
          return StoreAs<Access, kOperand, DType::kBFloat16>(entry, i, values);
        default:
          return StoreAs<Access, kOperand, DType::kFloat32>(entry, i, values);
      }
    }
  }

  // Whether kElements elements of the dtype are one access; the host puts no
  // wider ones into a list.
  template <typename Access, DType kDType>
  static constexpr bool kFits =
      Access::kElements* SizeOf(kDType) <= kVectorBytes;

  template <typename Access, int kOperand, DType kDType>
  PARLEY_HD static void LoadAs(const Entry& entry, int64_t i,
                               double (&values)[Access::kElements][kOperands]) {
    if constexpr (kFits<Access, kDType>) {
      using Element = kernels::Element<kDType>;
      const auto chunk = Access::template Load<typename Element::Storage>(
          entry.operands[kOperand], i);
      PARLEY_UNROLL
      for (int e = 0; e < Access::kElements; ++e) {
        values[e][kOperand] = Element::Load(&chunk, e);
      }
    }
  }

  template <typename Access, int kOperand, DType kDType>
  PARLEY_HD static void StoreAs(
      const Entry& entry, int64_t i,
      const double (&values)[Access::kElements][kOperands]) {
    if constexpr (kFits<Access, kDType>) {
      using Element = kernels::Element<kDType>;
      using Storage = typename Element::Storage;
      Chunk<Access::kElements* static_cast<int>(sizeof(Storage))> chunk;
      PARLEY_UNROLL
      for (int e = 0; e < Access::kElements; ++e) {
        Element::Store(&chunk, e, values[e][kOperand]);
      }
      Access::template Store<Storage>(entry.operands[kOperand], i, chunk);
    }
  }
};

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_ELEMENTWISE_BODY_H_
