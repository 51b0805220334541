// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/tensor.h"

#include <algorithm>
#include <cassert>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace parley {
namespace {

using Dimensions = std::array<int64_t, TensorView::kMaxDimensions>;

int64_t Product(absl::Span<const int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape) count *= size;
  return count;
}

Dimensions RowMajor(absl::Span<const int64_t> shape) {
  Dimensions strides{};
  int64_t stride = 1;
  for (size_t d = shape.size(); d-- > 0;) {
    strides[d] = stride;
    stride *= shape[d];
  }
  return strides;
}

// Whether some order of the dimensions makes the strides those of a contiguous
// tensor: each stride is then the product of the sizes before it. Dimensions of
// size 1 have no say.
bool Dense(absl::Span<const int64_t> shape, absl::Span<const int64_t> strides) {
  const int64_t count = Product(shape);
  if (count <= 1) return true;
  int64_t expected = 1;
  while (expected != count) {
    const int64_t before = expected;
    for (size_t d = 0; d < shape.size() && expected == before; ++d) {
      if (shape[d] != 1 && strides[d] == expected) expected *= shape[d];
    }
    if (expected == before) return false;
  }
  return true;
}

}  // namespace

absl::string_view Name(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return "float32";
    case DType::kFloat64:
      return "float64";
    case DType::kFloat16:
      return "float16";
    case DType::kBFloat16:
      return "bfloat16";
    case DType::kInt32:
      return "int32";
    case DType::kInt64:
      return "int64";
    case DType::kUInt8:
      return "uint8";
    case DType::kBool:
      return "bool";
  }
  return "unknown";
}

std::string ToString(DeviceId device) {
  return absl::StrCat(device.kind == DeviceKind::kCpu ? "cpu" : "cuda", ":",
                      device.index);
}

TensorView::TensorView(void* data, DType dtype, int64_t count, DeviceId device)
    : TensorView(data, dtype, {count}, device) {}

TensorView::TensorView(void* data, DType dtype, absl::Span<const int64_t> shape,
                       DeviceId device)
    : data_(data),
      count_(Product(shape)),
      shape_{},
      strides_(RowMajor(shape)),
      device_(device),
      dimensions_(static_cast<int>(shape.size())),
      dtype_(dtype),
      dense_(true) {
  assert(shape.size() <= kMaxDimensions);
  assert(std::all_of(shape.begin(), shape.end(),
                     [](int64_t size) { return size >= 0; }));
  std::copy(shape.begin(), shape.end(), shape_.begin());
}

absl::StatusOr<TensorView> TensorView::Strided(
    void* data, DType dtype, absl::Span<const int64_t> shape,
    absl::Span<const int64_t> strides, DeviceId device) {
  if (shape.size() != strides.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a tensor with ", shape.size(), " dimensions and ",
                     strides.size(), " strides"));
  }
  if (shape.size() > kMaxDimensions) {
    return absl::InvalidArgumentError(
        absl::StrCat("a tensor with ", shape.size(), " dimensions; at most ",
                     kMaxDimensions, " are supported"));
  }
  for (size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] < 0 || strides[d] < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("dimension ", d, " has size ", shape[d], " and stride ",
                       strides[d], "; neither may be negative"));
    }
  }
  TensorView view(data, dtype, shape, device);
  std::copy(strides.begin(), strides.end(), view.strides_.begin());
  view.dense_ = Dense(shape, strides);
  return view;
}

TensorView TensorView::Slice(int64_t begin, int64_t count) const {
  assert(dense_);
  assert(begin >= 0 && count >= 0 && begin + count <= count_);
  auto* bytes = static_cast<unsigned char*>(data_);
  if (begin != 0) bytes += begin * SizeOf(dtype_);
  return TensorView(bytes, dtype_, count, device_);
}

std::string TensorView::ToString() const {
  std::string text =
      absl::StrCat(Name(dtype_), "[", absl::StrJoin(shape(), ","), "]");
  const Dimensions row_major = RowMajor(shape());
  if (!std::equal(strides().begin(), strides().end(), row_major.begin())) {
    absl::StrAppend(&text, " with strides [", absl::StrJoin(strides(), ","),
                    "]");
  }
  return text;
}

}  // namespace parley
