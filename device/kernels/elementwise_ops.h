// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The element-wise operations: which there are, and the arguments that all of
// them take. What each computes is said in elementwise_ops-inl.h, where it has
// one struct with a formula; a line in PARLEY_ELEMENTWISE_OPS registers it with
// everything that goes over all of them: checks of arguments, the CPU's loops,
// the GPU's kernels, fakes, tests and measurements.
//
//   // y = y + 0.1 (x - y), for a list of tensors.
//   const ElementwisePiece pieces[] = {{{x0, y0}, n0}, {{x1, y1}, n1}};
//   PARLEY_RETURN_IF_ERROR(device.Elementwise(
//       {ElementwiseOp::kLerp, {DType::kBFloat16, DType::kFloat32}, {0.1},
//        pieces, 2}, stream));
//
// Plain data without Abseil, as flat_arguments.h, which says what numerics all
// kernels have.
#ifndef PARLEY_DEVICE_KERNELS_ELEMENTWISE_OPS_H_
#define PARLEY_DEVICE_KERNELS_ELEMENTWISE_OPS_H_

#include <cstdint>

#include "parley/base/host_device.h"
#include "parley/device/dtype.h"

// Calls X(name) for each: ElementwiseOp::k<name>, kernels::<name>Op.
#define PARLEY_ELEMENTWISE_OPS(X) \
  X(AddDifference)                \
  X(Cast)                         \
  X(Difference)                   \
  X(Lerp)                         \
  X(Nesterov)                     \
  X(Reset)

namespace parley {

// The most that an operation has of each.
inline constexpr int kMaxOperands = 4;
inline constexpr int kMaxScalars = 4;

enum class ElementwiseOp : uint8_t {
#define PARLEY_ENUMERATOR(name) k##name,
  PARLEY_ELEMENTWISE_OPS(PARLEY_ENUMERATOR)
#undef PARLEY_ENUMERATOR
};

inline constexpr ElementwiseOp kAllElementwiseOps[] = {
#define PARLEY_ENUMERATOR(name) ElementwiseOp::k##name,
    PARLEY_ELEMENTWISE_OPS(PARLEY_ENUMERATOR)
#undef PARLEY_ENUMERATOR
};

// One tensor, or a contiguous part of it, in each of the operation's operands.
struct ElementwisePiece {
  void* operands[kMaxOperands] = {};  // what is only read stays as it is
  int64_t count = 0;
};

// The operation on all elements of a list of pieces, in one launch. Each
// operand has a floating-point dtype of its own: a model's parameters may be
// bfloat16 where what is kept beside them is float32. An operand that is
// written may be exactly one that is only read (same pointer, same size of
// elements), and overlaps no other.
struct ElementwiseArgs {
  ElementwiseOp op = ElementwiseOp::kCast;
  DType dtypes[kMaxOperands] = {};   // by operand
  double scalars[kMaxScalars] = {};  // finite
  const ElementwisePiece* pieces = nullptr;
  int64_t num_pieces = 0;
};

enum class OperandUse : uint8_t { kRead, kUpdate, kWrite };

struct ElementwiseOperand {
  const char* name = nullptr;
  OperandUse use = OperandUse::kRead;

  PARLEY_HD constexpr bool is_read() const { return use != OperandUse::kWrite; }
  PARLEY_HD constexpr bool is_written() const {
    return use != OperandUse::kRead;
  }
};

// The names of an operation's operands and scalars, in the order in which
// ElementwiseArgs has them.
struct ElementwiseSignature {
  ElementwiseOperand operands[kMaxOperands] = {};
  const char* scalars[kMaxScalars] = {};

  PARLEY_HD constexpr int num_operands() const {
    int n = 0;
    while (n < kMaxOperands && operands[n].name != nullptr) ++n;
    return n;
  }
  PARLEY_HD constexpr int num_scalars() const {
    int n = 0;
    while (n < kMaxScalars && scalars[n] != nullptr) ++n;
    return n;
  }
};

}  // namespace parley

#endif  // PARLEY_DEVICE_KERNELS_ELEMENTWISE_OPS_H_
