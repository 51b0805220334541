// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The definition of the element-wise kernels (see elementwise_ops.h), one
// element at a time, and how a run-time ElementwiseOp becomes one of the
// structs of elementwise_ops-inl.h:
//
//   VisitOp(args.op, [&](auto op) {
//     ElementwiseElement<decltype(op)>(args, args.pieces[0], i);
//   });
#ifndef PARLEY_DEVICE_KERNELS_ELEMENTWISE_H_
#define PARLEY_DEVICE_KERNELS_ELEMENTWISE_H_

#include <cstdint>
#include <utility>

#include "parley/base/host_device.h"
#include "parley/device/dtype.h"
#include "parley/device/kernels/arithmetic.h"
#include "parley/device/kernels/element.h"
#include "parley/device/kernels/elementwise_ops.h"

namespace parley::kernels {

#include "parley/device/kernels/elementwise_ops-inl.h"

// Calls `visitor` with a value of the operation's struct.
template <typename Visitor>
void VisitOp(ElementwiseOp op, const Visitor& visitor) {
  switch (op) {
#define PARLEY_CASE(name)      \
  case ElementwiseOp::k##name: \
    return visitor(name##Op());
    PARLEY_ELEMENTWISE_OPS(PARLEY_CASE)
#undef PARLEY_CASE
  }
}

// "Lerp".
inline const char* NameOf(ElementwiseOp op) {
  switch (op) {
#define PARLEY_CASE(name)      \
  case ElementwiseOp::k##name: \
    return #name;
    PARLEY_ELEMENTWISE_OPS(PARLEY_CASE)
#undef PARLEY_CASE
  }
  return "an unknown operation";
}

inline ElementwiseSignature SignatureOf(ElementwiseOp op) {
  ElementwiseSignature signature;
  VisitOp(op, [&](auto value) { signature = decltype(value)::kSignature; });
  return signature;
}

// How many bytes an element of all operands has, read and written.
inline int64_t BytesPerElement(const ElementwiseArgs& args) {
  const ElementwiseSignature signature = SignatureOf(args.op);
  int64_t bytes = 0;
  for (int k = 0; k < signature.num_operands(); ++k) {
    const ElementwiseOperand& operand = signature.operands[k];
    bytes +=
        SizeOf(args.dtypes[k]) * (operand.is_read() + operand.is_written());
  }
  return bytes;
}

// Element i of a floating-point dtype, as Element<dtype>.
PARLEY_HD inline double LoadFloating(DType dtype, const void* data, int64_t i) {
  switch (dtype) {
    case DType::kFloat64:
      return Element<DType::kFloat64>::Load(data, i);
    case DType::kFloat16:
      return Element<DType::kFloat16>::Load(data, i);
    case DType::kBFloat16:
      return Element<DType::kBFloat16>::Load(data, i);
    default:
      return Element<DType::kFloat32>::Load(data, i);
  }
}

PARLEY_HD inline void StoreFloating(DType dtype, void* data, int64_t i,
                                    double value) {
  switch (dtype) {
    case DType::kFloat64:
      return Element<DType::kFloat64>::Store(data, i, value);
    case DType::kFloat16:
      return Element<DType::kFloat16>::Store(data, i, value);
    case DType::kBFloat16:
      return Element<DType::kBFloat16>::Store(data, i, value);
    default:
      return Element<DType::kFloat32>::Store(data, i, value);
  }
}

// Op::Apply on the values of its operands; kIndices count them.
template <typename Op, int kOperands, size_t... kIndices>
PARLEY_HD_INLINE void Apply(const double* scalars, double (&values)[kOperands],
                            std::index_sequence<kIndices...>) {
  Op::Apply(scalars, values[kIndices]...);
}

template <typename Op>
void ElementwiseElement(const ElementwiseArgs& args,
                        const ElementwisePiece& piece, int64_t i) {
  constexpr int kOperands = Op::kSignature.num_operands();
  double values[kOperands] = {};
  for (int k = 0; k < kOperands; ++k) {
    if (!Op::kSignature.operands[k].is_read()) continue;
    values[k] = LoadFloating(args.dtypes[k], piece.operands[k], i);
  }
  Apply<Op>(args.scalars, values, std::make_index_sequence<kOperands>());
  for (int k = 0; k < kOperands; ++k) {
    if (!Op::kSignature.operands[k].is_written()) continue;
    StoreFloating(args.dtypes[k], piece.operands[k], i, values[k]);
  }
}

}  // namespace parley::kernels

#endif  // PARLEY_DEVICE_KERNELS_ELEMENTWISE_H_
