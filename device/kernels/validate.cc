// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/kernels/validate.h"

#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "parley/base/status_macros.h"
#include "parley/device/kernels/cast.h"
#include "parley/device/kernels/copy.h"

namespace parley {
namespace {

template <typename... Parts>
absl::Status Refuse(absl::string_view kernel, const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(kernel, ": ", parts...));
}

absl::Status CheckCount(absl::string_view kernel, absl::string_view name,
                        int64_t value, int64_t least) {
  if (value >= least) return absl::OkStatus();
  return Refuse(kernel, name, " is ", value, "; it must be at least ", least);
}

absl::Status CheckFloating(absl::string_view kernel, DType dtype) {
  if (IsFloating(dtype)) return absl::OkStatus();
  return Refuse(kernel, "dtype ", Name(dtype), " is not floating point");
}

absl::Status CheckFinite(absl::string_view kernel, absl::string_view name,
                         double value) {
  if (std::isfinite(value)) return absl::OkStatus();
  return Refuse(kernel, name, " is ", value, ", which is not finite");
}

absl::Status CheckPointer(absl::string_view kernel, absl::string_view name,
                          const void* data, int64_t count) {
  if (data != nullptr || count == 0) return absl::OkStatus();
  return Refuse(kernel, name, " is null, for ", count, " elements");
}

// Whether two blocks share memory without being the same block.
bool PartlyOverlap(const void* a, int64_t a_bytes, const void* b,
                   int64_t b_bytes) {
  const auto a_begin = reinterpret_cast<uintptr_t>(a);
  const auto b_begin = reinterpret_cast<uintptr_t>(b);
  if (a_bytes == 0 || b_bytes == 0) return false;
  if (a_begin == b_begin && a_bytes == b_bytes) return false;
  return a_begin < b_begin + static_cast<uintptr_t>(b_bytes) &&
         b_begin < a_begin + static_cast<uintptr_t>(a_bytes);
}

absl::Status CheckOverlap(absl::string_view kernel, absl::string_view name,
                          const void* output, const void* input,
                          int64_t bytes) {
  if (!PartlyOverlap(output, bytes, input, bytes)) return absl::OkStatus();
  return Refuse(kernel, "the output overlaps ", name, " in part");
}

absl::Status CheckWeights(absl::string_view kernel, const MeanArgs& args) {
  if (args.weights == nullptr) return absl::OkStatus();
  if (!IsFloating(args.dtype)) {
    return Refuse(kernel, "weights with dtype ", Name(args.dtype),
                  ", which takes none");
  }
  double sum = 0;
  for (int r = 0; r < args.num_inputs; ++r) {
    const double weight = args.weights[r];
    if (!std::isfinite(weight) || weight <= 0) {
      return Refuse(kernel, "weights[", r, "] is ", weight,
                    "; it must be finite and greater than 0");
    }
    sum += weight;
  }
  return CheckFinite(kernel, "the sum of the weights", sum);
}

// `inputs` are lists of pointers to `count` elements each.
absl::Status CheckInputs(absl::string_view kernel, const void* const* inputs,
                         int num_inputs, int64_t count) {
  PARLEY_RETURN_IF_ERROR(CheckCount(kernel, "count", count, 0));
  PARLEY_RETURN_IF_ERROR(CheckCount(kernel, "num_inputs", num_inputs, 1));
  PARLEY_RETURN_IF_ERROR(CheckPointer(kernel, "inputs", inputs, num_inputs));
  for (int r = 0; r < num_inputs; ++r) {
    if (inputs[r] == nullptr && count != 0) {
      return Refuse(kernel, "inputs[", r, "] is null, for ", count,
                    " elements");
    }
  }
  return absl::OkStatus();
}

// That `output` is no input's neighbour in part.
absl::Status CheckOutput(absl::string_view kernel, const void* output,
                         const void* const* inputs, int num_inputs,
                         int64_t count, DType dtype) {
  PARLEY_RETURN_IF_ERROR(CheckPointer(kernel, "an output", output, count));
  const int64_t bytes = count * SizeOf(dtype);
  for (int r = 0; r < num_inputs; ++r) {
    if (PartlyOverlap(output, bytes, inputs[r], bytes)) {
      return Refuse(kernel, "an output overlaps inputs[", r, "] in part");
    }
  }
  return absl::OkStatus();
}

// A stride of 0 means that elements share memory.
bool HasSharedElements(const TensorView& view) {
  for (size_t d = 0; d < view.shape().size(); ++d) {
    if (view.shape()[d] > 1 && view.strides()[d] == 0) return true;
  }
  return false;
}

absl::Status CheckCopy(const TensorCopy& copy, DeviceId device) {
  const TensorView& from = copy.from;
  const TensorView& to = copy.to;
  if (from.dtype() != to.dtype() || from.count() != to.count()) {
    return Refuse("Copy", "from ", from.ToString(), " to ", to.ToString());
  }
  for (const TensorView* view : {&from, &to}) {
    if (view->device() != device) {
      return Refuse("Copy", view->ToString(), " is on ",
                    ToString(view->device()), ", the stream on ",
                    ToString(device));
    }
    PARLEY_RETURN_IF_ERROR(
        CheckPointer("Copy", view->ToString(), view->data(), view->count()));
  }
  if (to.count() > 0 && HasSharedElements(to)) {
    return Refuse("Copy", "to ", to.ToString(),
                  ", whose elements share memory");
  }
  if (from.IsDense() && to.IsDense() &&
      (PartlyOverlap(from.data(), from.bytes(), to.data(), to.bytes()) ||
       (from.data() == to.data() && !kernels::IsBlockCopy(copy)))) {
    return Refuse("Copy", "from ", from.ToString(), " to ", to.ToString(),
                  ", which overlap");
  }
  return absl::OkStatus();
}

// For kernels with two inputs, one of which may be the output.
absl::Status CheckPair(absl::string_view kernel, DType dtype, int64_t count,
                       const void* a, const void* b, const void* output) {
  PARLEY_RETURN_IF_ERROR(CheckFloating(kernel, dtype));
  PARLEY_RETURN_IF_ERROR(CheckCount(kernel, "count", count, 0));
  const int64_t bytes = count * SizeOf(dtype);
  PARLEY_RETURN_IF_ERROR(CheckPointer(kernel, "the first input", a, count));
  PARLEY_RETURN_IF_ERROR(CheckPointer(kernel, "the second input", b, count));
  PARLEY_RETURN_IF_ERROR(CheckPointer(kernel, "the output", output, count));
  PARLEY_RETURN_IF_ERROR(
      CheckOverlap(kernel, "the first input", output, a, bytes));
  return CheckOverlap(kernel, "the second input", output, b, bytes);
}

}  // namespace

absl::Status Validate(const MeanArgs& args) {
  constexpr char kKernel[] = "Mean";
  if (args.dtype == DType::kBool) {
    return Refuse(kKernel, "dtype bool has no mean");
  }
  PARLEY_RETURN_IF_ERROR(
      CheckInputs(kKernel, args.inputs, args.num_inputs, args.count));
  PARLEY_RETURN_IF_ERROR(
      CheckCount(kKernel, "num_outputs", args.num_outputs, 1));
  PARLEY_RETURN_IF_ERROR(
      CheckPointer(kKernel, "outputs", args.outputs, args.num_outputs));
  for (int j = 0; j < args.num_outputs; ++j) {
    PARLEY_RETURN_IF_ERROR(CheckOutput(kKernel, args.outputs[j], args.inputs,
                                       args.num_inputs, args.count,
                                       args.dtype));
  }
  return CheckWeights(kKernel, args);
}

absl::Status Validate(const ReduceArgs& args) {
  constexpr char kKernel[] = "Reduce";
  if (args.dtype == DType::kBool && args.op == ReduceOp::kSum) {
    return Refuse(kKernel, "dtype bool has no sum");
  }
  PARLEY_RETURN_IF_ERROR(
      CheckInputs(kKernel, args.inputs, args.num_inputs, args.count));
  return CheckOutput(kKernel, args.output, args.inputs, args.num_inputs,
                     args.count, args.dtype);
}

absl::Status Validate(const CopyArgs& args, DeviceId device) {
  PARLEY_RETURN_IF_ERROR(CheckCount("Copy", "num_copies", args.num_copies, 0));
  PARLEY_RETURN_IF_ERROR(
      CheckPointer("Copy", "copies", args.copies, args.num_copies));
  for (int64_t i = 0; i < args.num_copies; ++i) {
    PARLEY_RETURN_IF_ERROR(CheckCopy(args.copies[i], device));
  }
  return absl::OkStatus();
}

absl::Status Validate(const CastArgs& args) {
  constexpr char kKernel[] = "Cast";
  if (!kernels::IsCastable(args.from_dtype, args.to_dtype)) {
    return Refuse(kKernel, "from ", Name(args.from_dtype), " to ",
                  Name(args.to_dtype), " is not supported");
  }
  PARLEY_RETURN_IF_ERROR(CheckCount(kKernel, "count", args.count, 0));
  PARLEY_RETURN_IF_ERROR(CheckPointer(kKernel, "from", args.from, args.count));
  PARLEY_RETURN_IF_ERROR(CheckPointer(kKernel, "to", args.to, args.count));
  const int64_t from_bytes = args.count * SizeOf(args.from_dtype);
  const int64_t to_bytes = args.count * SizeOf(args.to_dtype);
  if (PartlyOverlap(args.from, from_bytes, args.to, to_bytes)) {
    return Refuse(kKernel, "the output overlaps the input in part");
  }
  return absl::OkStatus();
}

absl::Status Validate(const AxpbyArgs& args) {
  constexpr char kKernel[] = "Axpby";
  PARLEY_RETURN_IF_ERROR(CheckFinite(kKernel, "a", args.a));
  PARLEY_RETURN_IF_ERROR(CheckFinite(kKernel, "b", args.b));
  return CheckPair(kKernel, args.dtype, args.count, args.x, args.y, args.y);
}

absl::Status Validate(const LerpArgs& args) {
  constexpr char kKernel[] = "Lerp";
  PARLEY_RETURN_IF_ERROR(CheckFinite(kKernel, "t", args.t));
  return CheckPair(kKernel, args.dtype, args.count, args.x, args.y, args.y);
}

absl::Status Validate(const DeltaArgs& args) {
  return CheckPair("Delta", args.dtype, args.count, args.a, args.b,
                   args.output);
}

absl::Status Validate(const FingerprintArgs& args) {
  constexpr char kKernel[] = "Fingerprint";
  PARLEY_RETURN_IF_ERROR(CheckCount(kKernel, "num_pieces", args.num_pieces, 0));
  PARLEY_RETURN_IF_ERROR(
      CheckPointer(kKernel, "pieces", args.pieces, args.num_pieces));
  PARLEY_RETURN_IF_ERROR(CheckPointer(kKernel, "sum", args.sum, 1));
  for (int64_t i = 0; i < args.num_pieces; ++i) {
    const FingerprintPiece& piece = args.pieces[i];
    PARLEY_RETURN_IF_ERROR(CheckCount(kKernel, "count", piece.count, 0));
    PARLEY_RETURN_IF_ERROR(
        CheckCount(kKernel, "first_index", piece.first_index, 0));
    PARLEY_RETURN_IF_ERROR(
        CheckPointer(kKernel, "data", piece.data, piece.count));
  }
  return absl::OkStatus();
}

}  // namespace parley
