// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// DType and TensorView: what a tensor of the caller's looks like. A view owns
// nothing: it is a pointer, an element type, a shape with strides, and the
// device on which the memory lies.
//
//   std::vector<float> weights(12);
//   TensorView flat = TensorView::Of(absl::MakeSpan(weights));
//   TensorView matrix(weights.data(), DType::kFloat32, {3, 4});
//
// A view is *dense* if its elements fill one block of memory without gaps or
// overlap, in whatever order of dimensions (channels-last is dense). Dense
// tensors are handled in storage order; others are packed first.
//
// Thread-safety: thread-compatible, a value.
#ifndef PARLEY_DEVICE_TENSOR_H_
#define PARLEY_DEVICE_TENSOR_H_

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "parley/device/dtype.h"

namespace parley {

// "float32", "bfloat16", ...
absl::string_view Name(DType dtype);

// Where memory lies.
enum class DeviceKind : uint8_t { kCpu = 0, kCuda = 1 };

struct DeviceId {
  DeviceKind kind = DeviceKind::kCpu;
  int index = 0;

  friend bool operator==(const DeviceId& a, const DeviceId& b) {
    return a.kind == b.kind && a.index == b.index;
  }
  friend bool operator!=(const DeviceId& a, const DeviceId& b) {
    return !(a == b);
  }
};

// "cpu:0", "cuda:3".
std::string ToString(DeviceId device);

class TensorView {
 public:
  static constexpr int kMaxDimensions = 8;

  // An empty one-dimensional float32 tensor.
  TensorView() : TensorView(nullptr, DType::kFloat32, int64_t{0}) {}

  // A contiguous one-dimensional tensor of `count` elements.
  TensorView(void* data, DType dtype, int64_t count, DeviceId device = {});

  // A contiguous (row-major) tensor. Requires at most kMaxDimensions
  // dimensions, none negative.
  TensorView(void* data, DType dtype, absl::Span<const int64_t> shape,
             DeviceId device = {});
  TensorView(void* data, DType dtype, std::initializer_list<int64_t> shape,
             DeviceId device = {})
      : TensorView(data, dtype,
                   absl::MakeConstSpan(shape.begin(), shape.size()), device) {}

  // A tensor with strides, counted in elements. kInvalidArgument for a negative
  // dimension or stride, for too many dimensions, and for different numbers of
  // dimensions and strides.
  static absl::StatusOr<TensorView> Strided(void* data, DType dtype,
                                            absl::Span<const int64_t> shape,
                                            absl::Span<const int64_t> strides,
                                            DeviceId device = {});

  // Views of ordinary arrays.
  static TensorView Of(absl::Span<float> values) {
    return TensorView(values.data(), DType::kFloat32, Count(values.size()));
  }
  static TensorView Of(absl::Span<double> values) {
    return TensorView(values.data(), DType::kFloat64, Count(values.size()));
  }
  static TensorView Of(absl::Span<int32_t> values) {
    return TensorView(values.data(), DType::kInt32, Count(values.size()));
  }
  static TensorView Of(absl::Span<int64_t> values) {
    return TensorView(values.data(), DType::kInt64, Count(values.size()));
  }
  static TensorView Of(absl::Span<uint8_t> values) {
    return TensorView(values.data(), DType::kUInt8, Count(values.size()));
  }

  void* data() const { return data_; }
  DType dtype() const { return dtype_; }
  DeviceId device() const { return device_; }
  int64_t count() const { return count_; }
  int64_t bytes() const { return count_ * SizeOf(dtype_); }
  absl::Span<const int64_t> shape() const {
    return absl::MakeConstSpan(shape_.data(), dimensions_);
  }
  absl::Span<const int64_t> strides() const {
    return absl::MakeConstSpan(strides_.data(), dimensions_);
  }

  // See the top of the file. A tensor of at most one element is dense.
  bool IsDense() const { return dense_; }

  // Elements [begin, begin + count) in storage order, as a one-dimensional
  // view. Requires IsDense() and a range inside the tensor.
  TensorView Slice(int64_t begin, int64_t count) const;

  // "float32[3,4]", with strides where they are not row-major.
  std::string ToString() const;

 private:
  static int64_t Count(size_t size) { return static_cast<int64_t>(size); }

  void* data_;
  int64_t count_;
  std::array<int64_t, kMaxDimensions> shape_;
  std::array<int64_t, kMaxDimensions> strides_;
  DeviceId device_;
  int dimensions_;
  DType dtype_;
  bool dense_;
};

// A view with a name.
struct NamedTensor {
  std::string name;
  TensorView tensor;
};

}  // namespace parley

#endif  // PARLEY_DEVICE_TENSOR_H_
