// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/kernels/validate.h"

#include <cmath>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "parley/base/status_macros.h"
#include "parley/device/kernels/copy.h"
#include "parley/device/kernels/elementwise.h"

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

absl::Status CheckDivisor(absl::string_view kernel, const MeanArgs& args) {
  if (args.divisor == 0) return absl::OkStatus();
  if (!IsFloating(args.dtype)) {
    return Refuse(kernel, "a divisor with dtype ", Name(args.dtype),
                  ", which takes none");
  }
  if (std::isfinite(args.divisor) && args.divisor > 0) return absl::OkStatus();
  return Refuse(kernel, "divisor is ", args.divisor,
                "; it must be finite and positive, or 0 for none");
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

// The input that `output` overlaps in part; -1 if there is none.
int OverlappedInput(const void* output, const void* const* inputs,
                    int num_inputs, int64_t bytes) {
  for (int r = 0; r < num_inputs; ++r) {
    if (PartlyOverlap(output, bytes, inputs[r], bytes)) return r;
  }
  return -1;
}

// A stride of 0 means that elements share memory.
bool HasSharedElements(const TensorView& view) {
  for (size_t d = 0; d < view.shape().size(); ++d) {
    if (view.shape()[d] > 1 && view.strides()[d] == 0) return true;
  }
  return false;
}

// Entry `i` of the list.
absl::Status CheckCopy(int64_t i, const TensorCopy& copy, DeviceId device) {
  const auto refuse = [i](const auto&... parts) {
    return Refuse("Copy", "copies[", i, "]: ", parts...);
  };
  const TensorView& from = copy.from;
  const TensorView& to = copy.to;
  if (from.dtype() != to.dtype() || from.count() != to.count()) {
    return refuse("from ", from.ToString(), " to ", to.ToString());
  }
  for (const TensorView* view : {&from, &to}) {
    if (view->device() != device) {
      return refuse(view->ToString(), " is on ", ToString(view->device()),
                    ", the stream on ", ToString(device));
    }
    if (view->data() == nullptr && view->count() != 0) {
      return refuse(view->ToString(), " is null");
    }
  }
  if (to.count() > 0 && HasSharedElements(to)) {
    return refuse("to ", to.ToString(), ", whose elements share memory");
  }
  if (from.IsDense() && to.IsDense() &&
      (PartlyOverlap(from.data(), from.bytes(), to.data(), to.bytes()) ||
       (from.data() == to.data() && !kernels::IsBlockCopy(copy)))) {
    return refuse("from ", from.ToString(), " to ", to.ToString(),
                  ", which overlap");
  }
  return absl::OkStatus();
}

// Entry `i` of the list.
absl::Status CheckPiece(int64_t i, const FingerprintPiece& piece) {
  if (piece.count >= 0 && piece.first_index >= 0 &&
      (piece.data != nullptr || piece.count == 0)) {
    return absl::OkStatus();
  }
  // Put together only where it is needed: lists are long.
  const std::string kernel = absl::StrCat("Fingerprint: pieces[", i, "]");
  PARLEY_RETURN_IF_ERROR(CheckCount(kernel, "count", piece.count, 0));
  PARLEY_RETURN_IF_ERROR(
      CheckCount(kernel, "first_index", piece.first_index, 0));
  return CheckPointer(kernel, "data", piece.data, piece.count);
}

// "Lerp: pieces[3]: ..."
template <typename... Parts>
absl::Status RefusePiece(const ElementwiseArgs& args, int64_t i,
                         const Parts&... parts) {
  return Refuse(kernels::NameOf(args.op), "pieces[", i, "]: ", parts...);
}

// Whether memory of two operands of a piece may be what it is: one that is
// written is another's in whole, if that is only read, or not at all.
bool MayLieThere(const ElementwiseArgs& args,
                 const ElementwiseSignature& signature,
                 const ElementwisePiece& piece, int a, int b) {
  const bool a_written = signature.operands[a].is_written();
  const bool b_written = signature.operands[b].is_written();
  if (!a_written && !b_written) return true;
  const int64_t a_bytes = piece.count * SizeOf(args.dtypes[a]);
  const int64_t b_bytes = piece.count * SizeOf(args.dtypes[b]);
  if (a_written && b_written && piece.operands[a] == piece.operands[b]) {
    return piece.count == 0;
  }
  return !PartlyOverlap(piece.operands[a], a_bytes, piece.operands[b], b_bytes);
}

absl::Status CheckPiece(const ElementwiseArgs& args,
                        const ElementwiseSignature& signature, int64_t i) {
  const ElementwisePiece& piece = args.pieces[i];
  if (piece.count < 0) {
    return RefusePiece(args, i, "count is ", piece.count,
                       "; it must be at least 0");
  }
  for (int k = 0; k < signature.num_operands(); ++k) {
    if (piece.operands[k] == nullptr && piece.count != 0) {
      return RefusePiece(args, i, signature.operands[k].name, " is null, for ",
                         piece.count, " elements");
    }
    for (int other = 0; other < k; ++other) {
      if (MayLieThere(args, signature, piece, k, other)) continue;
      const bool both = signature.operands[k].is_written() &&
                        signature.operands[other].is_written();
      return RefusePiece(args, i, signature.operands[k].name, " overlaps ",
                         signature.operands[other].name,
                         both ? ", and both are written" : " in part");
    }
  }
  return absl::OkStatus();
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
    if (args.outputs[j] == nullptr && args.count != 0) {
      return Refuse(kKernel, "outputs[", j, "] is null, for ", args.count,
                    " elements");
    }
    const int r = OverlappedInput(args.outputs[j], args.inputs, args.num_inputs,
                                  args.count * SizeOf(args.dtype));
    if (r >= 0) {
      return Refuse(kKernel, "outputs[", j, "] overlaps inputs[", r,
                    "] in part");
    }
  }
  PARLEY_RETURN_IF_ERROR(CheckDivisor(kKernel, args));
  return CheckWeights(kKernel, args);
}

absl::Status Validate(const CopyArgs& args, DeviceId device) {
  PARLEY_RETURN_IF_ERROR(CheckCount("Copy", "num_copies", args.num_copies, 0));
  PARLEY_RETURN_IF_ERROR(
      CheckPointer("Copy", "copies", args.copies, args.num_copies));
  for (int64_t i = 0; i < args.num_copies; ++i) {
    PARLEY_RETURN_IF_ERROR(CheckCopy(i, args.copies[i], device));
  }
  return absl::OkStatus();
}

absl::Status Validate(const ElementwiseArgs& args) {
  const absl::string_view kernel = kernels::NameOf(args.op);
  const ElementwiseSignature signature = kernels::SignatureOf(args.op);
  for (int k = 0; k < signature.num_operands(); ++k) {
    if (IsFloating(args.dtypes[k])) continue;
    return Refuse(kernel, signature.operands[k].name, " is ",
                  Name(args.dtypes[k]), ", which is not floating point");
  }
  for (int k = 0; k < signature.num_scalars(); ++k) {
    PARLEY_RETURN_IF_ERROR(
        CheckFinite(kernel, signature.scalars[k], args.scalars[k]));
  }
  PARLEY_RETURN_IF_ERROR(CheckCount(kernel, "num_pieces", args.num_pieces, 0));
  PARLEY_RETURN_IF_ERROR(
      CheckPointer(kernel, "pieces", args.pieces, args.num_pieces));
  for (int64_t i = 0; i < args.num_pieces; ++i) {
    PARLEY_RETURN_IF_ERROR(CheckPiece(args, signature, i));
  }
  return absl::OkStatus();
}

absl::Status Validate(const FingerprintArgs& args) {
  constexpr char kKernel[] = "Fingerprint";
  PARLEY_RETURN_IF_ERROR(CheckCount(kKernel, "num_pieces", args.num_pieces, 0));
  PARLEY_RETURN_IF_ERROR(
      CheckPointer(kKernel, "pieces", args.pieces, args.num_pieces));
  PARLEY_RETURN_IF_ERROR(CheckPointer(kKernel, "sum", args.sum, 1));
  for (int64_t i = 0; i < args.num_pieces; ++i) {
    PARLEY_RETURN_IF_ERROR(CheckPiece(i, args.pieces[i]));
  }
  return absl::OkStatus();
}

}  // namespace parley
