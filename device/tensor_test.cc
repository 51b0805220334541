// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/tensor.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace parley {
namespace {

TensorView Strided(std::vector<int64_t> shape, std::vector<int64_t> strides) {
  return TensorView::Strided(nullptr, DType::kFloat32, shape, strides).value();
}

TEST(DTypeTest, SizesAndNames) {
  std::string text;
  for (DType dtype : kAllDTypes) {
    text += std::string(Name(dtype)) + std::to_string(SizeOf(dtype)) + " ";
  }
  EXPECT_EQ(text,
            "float324 float648 float162 bfloat162 int324 int648 uint81 bool1 ");
}

// They are part of wire headers and files.
TEST(DTypeTest, ValuesAreFixed) {
  for (size_t i = 0; i < kAllDTypes.size(); ++i) {
    EXPECT_EQ(static_cast<size_t>(kAllDTypes[i]), i);
  }
  EXPECT_EQ(static_cast<int>(DType::kFloat16), 2);
  EXPECT_EQ(static_cast<int>(DType::kBool), 7);
}

TEST(DeviceIdTest, Names) {
  EXPECT_EQ(ToString(DeviceId{}), "cpu:0");
  EXPECT_EQ(ToString(DeviceId{DeviceKind::kCuda, 3}), "cuda:3");
}

TEST(TensorViewTest, DefaultIsEmpty) {
  const TensorView view;
  EXPECT_EQ(view.count(), 0);
  EXPECT_EQ(view.ToString(), "float32[0]");
  EXPECT_TRUE(view.IsDense());
}

TEST(TensorViewTest, RowMajor) {
  std::vector<float> values(24);
  const TensorView view(values.data(), DType::kFloat32, {2, 3, 4});
  EXPECT_EQ(view.count(), 24);
  EXPECT_EQ(view.bytes(), 96);
  EXPECT_EQ(view.data(), values.data());
  EXPECT_EQ(view.strides(), absl::Span<const int64_t>({12, 4, 1}));
  EXPECT_TRUE(view.IsDense());
  EXPECT_EQ(view.ToString(), "float32[2,3,4]");
}

TEST(TensorViewTest, ScalarHasOneElement) {
  const TensorView view(nullptr, DType::kInt64, absl::Span<const int64_t>());
  EXPECT_EQ(view.count(), 1);
  EXPECT_EQ(view.bytes(), 8);
  EXPECT_TRUE(view.IsDense());
  EXPECT_EQ(view.ToString(), "int64[]");
}

TEST(TensorViewTest, OfArrays) {
  std::vector<double> doubles(3);
  std::vector<uint8_t> bytes(5);
  EXPECT_EQ(TensorView::Of(absl::MakeSpan(doubles)).bytes(), 24);
  EXPECT_EQ(TensorView::Of(absl::MakeSpan(bytes)).ToString(), "uint8[5]");
}

TEST(TensorViewTest, DenseInAnyOrderOfDimensions) {
  EXPECT_TRUE(Strided({2, 3}, {3, 1}).IsDense());
  EXPECT_TRUE(Strided({2, 3}, {1, 2}).IsDense());
  // Channels-last, and with sizes of 1 whose strides mean nothing.
  EXPECT_TRUE(Strided({2, 3, 4, 5}, {60, 1, 15, 3}).IsDense());
  EXPECT_TRUE(Strided({2, 1, 3}, {3, 77, 1}).IsDense());
  EXPECT_TRUE(Strided({1, 1}, {5, 9}).IsDense());
  EXPECT_TRUE(Strided({0, 3}, {9, 9}).IsDense());
}

TEST(TensorViewTest, NotDenseWithGapsOrOverlap) {
  EXPECT_FALSE(Strided({2, 3}, {4, 1}).IsDense());
  EXPECT_FALSE(Strided({3}, {2}).IsDense());
  EXPECT_FALSE(Strided({3}, {0}).IsDense());
  EXPECT_FALSE(Strided({2, 2}, {1, 1}).IsDense());
  EXPECT_FALSE(Strided({2, 3}, {2, 1}).IsDense());
}

TEST(TensorViewTest, StridedToString) {
  EXPECT_EQ(Strided({2, 3}, {1, 2}).ToString(),
            "float32[2,3] with strides [1,2]");
  EXPECT_EQ(Strided({2, 3}, {3, 1}).ToString(), "float32[2,3]");
}

TEST(TensorViewTest, RefusesBadStrides) {
  const auto status = [](std::vector<int64_t> shape,
                         std::vector<int64_t> strides) {
    return TensorView::Strided(nullptr, DType::kFloat32, shape, strides)
        .status();
  };
  EXPECT_EQ(
      status({2}, {1, 1}),
      absl::InvalidArgumentError("a tensor with 1 dimensions and 2 strides"));
  EXPECT_EQ(status({2, -3}, {1, 1}),
            absl::InvalidArgumentError("dimension 1 has size -3 and stride 1; "
                                       "neither may be negative"));
  EXPECT_EQ(status({2, 3}, {-3, 1}),
            absl::InvalidArgumentError("dimension 0 has size 2 and stride -3; "
                                       "neither may be negative"));
  EXPECT_EQ(status(std::vector<int64_t>(9, 1), std::vector<int64_t>(9, 1)),
            absl::InvalidArgumentError(
                "a tensor with 9 dimensions; at most 8 are supported"));
}

TEST(TensorViewTest, SliceIsInStorageOrder) {
  std::vector<float> values(24);
  const TensorView view =
      TensorView::Strided(values.data(), DType::kFloat32, {2, 12}, {1, 2})
          .value();
  const TensorView slice = view.Slice(5, 7);
  EXPECT_EQ(slice.data(), values.data() + 5);
  EXPECT_EQ(slice.ToString(), "float32[7]");
  EXPECT_EQ(view.Slice(24, 0).count(), 0);
  // Of nothing, as of an empty vector.
  EXPECT_EQ(TensorView().Slice(0, 0).data(), nullptr);
}

}  // namespace
}  // namespace parley
