// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/storage_order.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace parley {
namespace {

using ::testing::ElementsAre;

float memory[1000];

TEST(StorageOrderTest, DenseTensorsAreOneBlock) {
  const TensorView transposed =
      *TensorView::Strided(memory, DType::kFloat32, {3, 4}, {1, 3});
  const TensorView ordered = InStorageOrder(transposed);
  EXPECT_THAT(ordered.shape(), ElementsAre(12));
  EXPECT_THAT(ordered.strides(), ElementsAre(1));
  EXPECT_EQ(ordered.data(), memory);
}

TEST(StorageOrderTest, StridedTensorsBeginWithTheLargestStride) {
  const TensorView strided =
      *TensorView::Strided(memory, DType::kFloat32, {2, 5, 3}, {4, 50, 10});
  const TensorView ordered = InStorageOrder(strided);
  EXPECT_THAT(ordered.shape(), ElementsAre(5, 3, 2));
  EXPECT_THAT(ordered.strides(), ElementsAre(50, 10, 4));
  EXPECT_EQ(ordered.data(), memory);
}

}  // namespace
}  // namespace parley
