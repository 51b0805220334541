// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_PARAMETER_COPIES_H_
#define PARLEY_AVERAGING_PARAMETER_COPIES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "parley/averaging/parameters.h"
#include "parley/averaging/state.h"
#include "parley/device/device.h"
#include "parley/device/tensor.h"

namespace parley {

// Tensors that are kept beside parameters, one for each that is averaged: an
// anchor, a momentum. Each has its parameter's elements in storage order and
// without gaps, as float64 where the parameter is float64 and as float32
// otherwise.
//
//   PARLEY_ASSIGN_OR_RETURN(
//       ParameterCopies anchor,
//       ParameterCopies::Create("anchor", parameters, device.allocator()));
//   void* from = anchor.At(/*parameter=*/3, /*index=*/1000);
//
// Thread-safety: thread-compatible.
class ParameterCopies {
 public:
  // Memory is taken from `allocator`, which must outlive the copies; the device
  // of the parameters must be able to reach it. Nothing is written to it.
  static absl::StatusOr<ParameterCopies> Create(absl::string_view name,
                                                const ParameterSet& parameters,
                                                Allocator& allocator);

  // The dtype of what is kept beside a parameter of `dtype`.
  static DType DTypeFor(DType dtype) {
    return dtype == DType::kFloat64 ? dtype : DType::kFloat32;
  }

  // Bytes that the copies of `parameters` take.
  static int64_t BytesOf(const ParameterSet& parameters);

  // Element `index`, in storage order, of what is kept beside a parameter that
  // is averaged, given by its index in ParameterSet::entries().
  void* At(int parameter, int64_t index) const {
    const TensorView& tensor = tensors_[by_parameter_[parameter]].tensor;
    return static_cast<char*>(tensor.data()) + index * SizeOf(tensor.dtype());
  }

  // As "anchor.fc.weight", one-dimensional.
  absl::Span<const NamedTensor> tensors() const { return tensors_; }

 private:
  Allocation memory_;
  std::vector<NamedTensor> tensors_;
  std::vector<int> by_parameter_;  // index into tensors_, or -1
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_PARAMETER_COPIES_H_
