// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What each kernel refuses, in which words, and what it only just accepts. A
// case is one change of arguments that are good.
#include "parley/device/kernels/validate.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace parley {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kMax = std::numeric_limits<double>::max();
constexpr int64_t kCount = 4;
constexpr int64_t kBlock = 64;  // from one tensor to the next, in bytes

// Memory in which tensors of kCount elements lie.
alignas(8) unsigned char memory[8 * kBlock];

unsigned char* Block(int index) { return memory + index * kBlock; }

// What the arguments' lists point to.
const void* inputs[3];
void* outputs[2];
double weights[3];
TensorCopy copies[2];
ElementwisePiece elementwise[4];
FingerprintPiece pieces[2];
uint64_t sum;

void ResetLists() {
  for (int i = 0; i < 3; ++i) inputs[i] = Block(i);
  for (int i = 0; i < 2; ++i) outputs[i] = Block(3 + i);
  for (int i = 0; i < 3; ++i) weights[i] = i + 1;
  for (int i = 0; i < 2; ++i) {
    copies[i] = {TensorView(Block(i), DType::kFloat32, kCount),
                 TensorView(Block(3 + i), DType::kFloat32, kCount)};
    pieces[i] = {Block(i), DType::kFloat32, kCount, 7, 0};
  }
  for (int i = 0; i < 3; ++i) {
    elementwise[i] = {{Block(2 * i), Block(2 * i + 1)}, kCount};
  }
  for (int k = 0; k < kMaxOperands; ++k) {
    elementwise[3].operands[k] = Block(4 + k);
  }
  elementwise[3].count = kCount;
}

template <typename Args>
struct Case {
  std::string message;  // empty: accepted
  std::function<void(Args&)> change;
};

// Requires `good` to be accepted, and each case to be answered as it says.
template <typename Args, typename Check>
void CheckCases(const Args& good, const std::vector<Case<Args>>& cases,
                const Check& check) {
  ResetLists();
  EXPECT_EQ(check(good), absl::OkStatus());
  for (size_t i = 0; i < cases.size(); ++i) {
    ResetLists();
    Args args = good;
    cases[i].change(args);
    EXPECT_EQ(check(args), cases[i].message.empty()
                               ? absl::OkStatus()
                               : absl::InvalidArgumentError(cases[i].message))
        << "case " << i;
  }
}

template <typename Args>
void CheckCases(const Args& good, const std::vector<Case<Args>>& cases) {
  CheckCases(good, cases, [](const Args& args) { return Validate(args); });
}

MeanArgs GoodMean() {
  return {DType::kFloat32, 3, 2, inputs, outputs, weights, kCount};
}

TEST(ValidateTest, Mean) {
  CheckCases<MeanArgs>(
      GoodMean(),
      {
          {"Mean: dtype bool has no mean",
           [](MeanArgs& a) { a.dtype = DType::kBool; }},
          {"Mean: count is -1; it must be at least 0",
           [](MeanArgs& a) { a.count = -1; }},
          {"Mean: num_inputs is 0; it must be at least 1",
           [](MeanArgs& a) { a.num_inputs = 0; }},
          {"Mean: num_inputs is -2; it must be at least 1",
           [](MeanArgs& a) { a.num_inputs = -2; }},
          {"Mean: inputs is null, for 3 elements",
           [](MeanArgs& a) { a.inputs = nullptr; }},
          {"Mean: inputs[2] is null, for 4 elements",
           [](MeanArgs&) { inputs[2] = nullptr; }},
          {"Mean: num_outputs is 0; it must be at least 1",
           [](MeanArgs& a) { a.num_outputs = 0; }},
          {"Mean: outputs is null, for 2 elements",
           [](MeanArgs& a) { a.outputs = nullptr; }},
          {"Mean: outputs[1] is null, for 4 elements",
           [](MeanArgs&) { outputs[1] = nullptr; }},
          {"Mean: outputs[1] overlaps inputs[1] in part",
           [](MeanArgs&) { outputs[1] = Block(1) + 15; }},
          {"Mean: outputs[0] overlaps inputs[2] in part",
           [](MeanArgs&) { outputs[0] = Block(2) - 15; }},
          {"", [](MeanArgs& a) { a.weights = nullptr; }},
          {"", [](MeanArgs& a) { a.num_inputs = a.num_outputs = 1; }},
          {"",
           [](MeanArgs& a) {
             a.dtype = DType::kInt64;
             a.weights = nullptr;
           }},
          // In place, and next to an input on both sides.
          {"", [](MeanArgs&) { outputs[0] = Block(1); }},
          {"", [](MeanArgs&) { outputs[0] = Block(1) + 16; }},
          {"", [](MeanArgs&) { outputs[0] = Block(2) - 16; }},
          // Of nothing.
          {"",
           [](MeanArgs& a) {
             a.count = 0;
             inputs[0] = nullptr;
             outputs[0] = nullptr;
             outputs[1] = Block(1) + 1;
           }},
      });
}

TEST(ValidateTest, MeanWeights) {
  CheckCases<MeanArgs>(
      GoodMean(),
      {
          {"Mean: weights with dtype int32, which takes none",
           [](MeanArgs& a) { a.dtype = DType::kInt32; }},
          {"Mean: weights[0] is 0; it must be finite and greater than 0",
           [](MeanArgs&) { weights[0] = 0; }},
          {"Mean: weights[1] is -0.5; it must be finite and greater than 0",
           [](MeanArgs&) { weights[1] = -0.5; }},
          {"Mean: weights[2] is inf; it must be finite and greater than 0",
           [](MeanArgs&) { weights[2] = kInfinity; }},
          {"Mean: weights[2] is nan; it must be finite and greater than 0",
           [](MeanArgs&) { weights[2] = kNan; }},
          {"Mean: the sum of the weights is inf, which is not finite",
           [](MeanArgs&) { weights[0] = weights[2] = kMax; }},
          {"", [](MeanArgs&) { weights[0] = 0x1p-1074; }},
          {"", [](MeanArgs&) { weights[0] = kMax; }},
          // Beyond the list.
          {"",
           [](MeanArgs& a) {
             a.num_inputs = 2;
             weights[2] = 0;
           }},
      });
}

TEST(ValidateTest, MeanDivisor) {
  CheckCases<MeanArgs>(
      GoodMean(),
      {
          {"Mean: a divisor with dtype int32, which takes none",
           [](MeanArgs& a) {
             a.dtype = DType::kInt32;
             a.weights = nullptr;
             a.divisor = 3;
           }},
          {"Mean: divisor is -2; it must be finite and positive, or "
           "0 for none",
           [](MeanArgs& a) { a.divisor = -2; }},
          {"Mean: divisor is inf; it must be finite and positive, or "
           "0 for none",
           [](MeanArgs& a) { a.divisor = kInfinity; }},
          {"Mean: divisor is nan; it must be finite and positive, or "
           "0 for none",
           [](MeanArgs& a) { a.divisor = kNan; }},
          {"", [](MeanArgs& a) { a.divisor = 0x1p-1074; }},
          {"", [](MeanArgs& a) { a.divisor = kMax; }},
      });
}

ElementwiseArgs GoodLerp() {
  return {ElementwiseOp::kLerp,
          {DType::kBFloat16, DType::kFloat32},
          {0.5},
          elementwise,
          3};
}

TEST(ValidateTest, ElementwiseRefuses) {
  CheckCases<ElementwiseArgs>(
      GoodLerp(),
      {
          {"Lerp: x is int32, which is not floating point",
           [](ElementwiseArgs& a) { a.dtypes[0] = DType::kInt32; }},
          {"Lerp: y is bool, which is not floating point",
           [](ElementwiseArgs& a) { a.dtypes[1] = DType::kBool; }},
          {"Lerp: t is -inf, which is not finite",
           [](ElementwiseArgs& a) { a.scalars[0] = -kInfinity; }},
          {"Lerp: t is nan, which is not finite",
           [](ElementwiseArgs& a) { a.scalars[0] = kNan; }},
          {"Lerp: num_pieces is -1; it must be at least 0",
           [](ElementwiseArgs& a) { a.num_pieces = -1; }},
          {"Lerp: pieces is null, for 3 elements",
           [](ElementwiseArgs& a) { a.pieces = nullptr; }},
          {"Lerp: pieces[2]: count is -1; it must be at least 0",
           [](ElementwiseArgs&) { elementwise[2].count = -1; }},
          {"Lerp: pieces[1]: x is null, for 4 elements",
           [](ElementwiseArgs&) { elementwise[1].operands[0] = nullptr; }},
          {"Lerp: pieces[1]: y is null, for 4 elements",
           [](ElementwiseArgs&) { elementwise[1].operands[1] = nullptr; }},
          // x has 8 bytes, y 16.
          {"Lerp: pieces[1]: y overlaps x in part",
           [](ElementwiseArgs&) { elementwise[1].operands[0] = Block(3) - 7; }},
          {"Lerp: pieces[2]: y overlaps x in part",
           [](ElementwiseArgs&) {
             elementwise[2].operands[0] = Block(5) + 15;
           }},
          {"Lerp: pieces[0]: y overlaps x in part",
           [](ElementwiseArgs&) { elementwise[0].operands[0] = Block(1); }},
          // The operation is named that it is.
          {"Cast: pieces[1]: to is null, for 4 elements",
           [](ElementwiseArgs& a) {
             a.op = ElementwiseOp::kCast;
             elementwise[1].operands[1] = nullptr;
           }},
      });
}

TEST(ValidateTest, ElementwiseAccepts) {
  CheckCases<ElementwiseArgs>(
      GoodLerp(),
      {
          {"",
           [](ElementwiseArgs&) { elementwise[1].operands[0] = Block(3) - 8; }},
          {"",
           [](ElementwiseArgs&) {
             elementwise[1].operands[0] = Block(3) + 16;
           }},
          // In place.
          {"",
           [](ElementwiseArgs& a) {
             a.dtypes[0] = DType::kFloat32;
             elementwise[1].operands[0] = Block(3);
           }},
          {"", [](ElementwiseArgs& a) { a.scalars[0] = -kMax; }},
          // What the operation does not have.
          {"",
           [](ElementwiseArgs& a) {
             a.scalars[1] = kNan;
             a.dtypes[2] = DType::kBool;
             elementwise[1].operands[2] = nullptr;
           }},
          // Of nothing.
          {"", [](ElementwiseArgs&) { elementwise[1] = {}; }},
          {"",
           [](ElementwiseArgs& a) {
             a.pieces = nullptr;
             a.num_pieces = 0;
           }},
      });
}

// model, anchor and momentum_buffer are written, mean is read.
TEST(ValidateTest, ElementwiseWithSeveralWrittenOperands) {
  const auto operands = [](int i) { return elementwise[3].operands + i; };
  CheckCases<ElementwiseArgs>(
      {ElementwiseOp::kNesterov, {}, {0.7, 0.9}, elementwise + 3, 1},
      {
          {"Nesterov: momentum is nan, which is not finite",
           [](ElementwiseArgs& a) { a.scalars[1] = kNan; }},
          {"Nesterov: mean is uint8, which is not floating point",
           [](ElementwiseArgs& a) { a.dtypes[2] = DType::kUInt8; }},
          {"Nesterov: pieces[0]: anchor overlaps model, and both are written",
           [=](ElementwiseArgs&) { *operands(1) = Block(4); }},
          {"Nesterov: pieces[0]: momentum_buffer overlaps anchor, and both are "
           "written",
           [=](ElementwiseArgs&) { *operands(3) = Block(5) + 12; }},
          {"Nesterov: pieces[0]: mean overlaps model in part",
           [=](ElementwiseArgs&) { *operands(2) = Block(4) + 12; }},
          // The mean in the model's place.
          {"", [=](ElementwiseArgs&) { *operands(2) = Block(4); }},
          {"",
           [=](ElementwiseArgs&) {
             elementwise[3] = {{Block(0), Block(0), Block(0), Block(0)}, 0};
           }},
      });
}

TEST(ValidateTest, Fingerprint) {
  CheckCases<FingerprintArgs>(
      {pieces, 2, &sum},
      {
          {"Fingerprint: num_pieces is -1; it must be at least 0",
           [](FingerprintArgs& a) { a.num_pieces = -1; }},
          {"Fingerprint: pieces is null, for 2 elements",
           [](FingerprintArgs& a) { a.pieces = nullptr; }},
          {"Fingerprint: sum is null, for 1 elements",
           [](FingerprintArgs& a) { a.sum = nullptr; }},
          {"Fingerprint: pieces[1]: count is -1; it must be at least 0",
           [](FingerprintArgs&) { pieces[1].count = -1; }},
          {"Fingerprint: pieces[1]: first_index is -3; it must be at least 0",
           [](FingerprintArgs&) { pieces[1].first_index = -3; }},
          {"Fingerprint: pieces[1]: data is null, for 4 elements",
           [](FingerprintArgs&) { pieces[1].data = nullptr; }},
          {"", [](FingerprintArgs&) { pieces[0].dtype = DType::kBool; }},
          // Of nothing, twice.
          {"",
           [](FingerprintArgs&) {
             pieces[0].data = nullptr;
             pieces[0].count = 0;
           }},
          {"",
           [](FingerprintArgs& a) {
             a.pieces = nullptr;
             a.num_pieces = 0;
           }},
      });
}

TensorView Vector(void* data, DType dtype = DType::kFloat32,
                  int64_t count = kCount, DeviceId device = {}) {
  return TensorView(data, dtype, count, device);
}

TensorView Strided(void* data, std::vector<int64_t> shape,
                   std::vector<int64_t> strides) {
  return TensorView::Strided(data, DType::kFloat32, shape, strides).value();
}

void CheckCopies(const std::vector<Case<CopyArgs>>& cases) {
  CheckCases<CopyArgs>({copies, 2}, cases, [](const CopyArgs& args) {
    return Validate(args, DeviceId{});
  });
}

TEST(ValidateTest, CopyRefuses) {
  const DeviceId kOther{DeviceKind::kCuda, 1};
  CheckCopies({
      {"Copy: num_copies is -1; it must be at least 0",
       [](CopyArgs& a) { a.num_copies = -1; }},
      {"Copy: copies is null, for 2 elements",
       [](CopyArgs& a) { a.copies = nullptr; }},
      {"Copy: copies[1]: from int32[4] to float32[4]",
       [](CopyArgs&) { copies[1].from = Vector(Block(0), DType::kInt32); }},
      {"Copy: copies[1]: from float32[4] to float32[5]",
       [](CopyArgs&) { copies[1].to = Vector(Block(3), DType::kFloat32, 5); }},
      {"Copy: copies[1]: float32[4] is on cuda:1, the stream on cpu:0",
       [=](CopyArgs&) {
         copies[1].from = Vector(Block(0), DType::kFloat32, kCount, kOther);
       }},
      {"Copy: copies[0]: float32[4] is on cuda:1, the stream on cpu:0",
       [=](CopyArgs&) {
         copies[0].to = Vector(Block(3), DType::kFloat32, kCount, kOther);
       }},
      {"Copy: copies[1]: float32[4] is null",
       [](CopyArgs&) { copies[1].from = Vector(nullptr); }},
      {"Copy: copies[1]: float32[4] is null",
       [](CopyArgs&) { copies[1].to = Vector(nullptr); }},
      {"Copy: copies[1]: to float32[2,2] with strides [0,1], whose elements "
       "share memory",
       [](CopyArgs&) {
         copies[1].to = Strided(Block(3), {2, 2}, {0, 1});
       }},
      {"Copy: copies[1]: from float32[4] to float32[4], which overlap",
       [](CopyArgs&) { copies[1].to = Vector(Block(1) + 15); }},
      {"Copy: copies[1]: from float32[4] to float32[4], which overlap",
       [](CopyArgs&) { copies[1].to = Vector(Block(1) - 15); }},
      // A transposition in place.
      {"Copy: copies[1]: from float32[2,2] to float32[2,2] with strides [1,2], "
       "which overlap",
       [](CopyArgs&) {
         copies[1] = {Strided(Block(1), {2, 2}, {2, 1}),
                      Strided(Block(1), {2, 2}, {1, 2})};
       }},
  });
}

TEST(ValidateTest, CopyAccepts) {
  CheckCopies({
      {"",
       [](CopyArgs& a) {
         a.copies = nullptr;
         a.num_copies = 0;
       }},
      {"", [](CopyArgs& a) { a.streaming = true; }},
      // Other shapes and strides of the same number of elements.
      {"", [](CopyArgs&) { copies[1].from = Strided(Block(1), {4}, {2}); }},
      {"",
       [](CopyArgs&) {
         copies[1].to = Strided(Block(3), {2, 2}, {5, 2});
       }},
      // Two columns of one matrix: interleaved, and not overlapping.
      {"",
       [](CopyArgs&) {
         copies[1] = {Strided(Block(1), {4}, {2}),
                      Strided(Block(1) + 4, {4}, {2})};
       }},
      // The source's elements may share memory, and in the target a stride of 0
      // does no harm where there is one element.
      {"", [](CopyArgs&) { copies[1].from = Strided(Block(1), {4}, {0}); }},
      {"",
       [](CopyArgs&) {
         copies[1].to = Strided(Block(3), {1, 4, 1}, {0, 1, 0});
       }},
      // In place, and next to the source on both sides.
      {"", [](CopyArgs&) { copies[1].to = copies[1].from; }},
      {"", [](CopyArgs&) { copies[1].to = Vector(Block(1) + 16); }},
      {"", [](CopyArgs&) { copies[1].to = Vector(Block(1) - 16); }},
      // Of nothing.
      {"",
       [](CopyArgs&) {
         copies[1] = {Vector(nullptr, DType::kFloat32, 0),
                      Strided(nullptr, {0, 3}, {0, 0})};
       }},
  });
}

TEST(ValidateTest, CopyKnowsItsDevice) {
  ResetLists();
  const DeviceId cuda{DeviceKind::kCuda, 0};
  const CopyArgs args{copies, 1};
  EXPECT_EQ(
      Validate(args, cuda),
      absl::InvalidArgumentError(
          "Copy: copies[0]: float32[4] is on cpu:0, the stream on cuda:0"));
  copies[0] = {Vector(Block(0), DType::kFloat32, kCount, cuda),
               Vector(Block(3), DType::kFloat32, kCount, cuda)};
  EXPECT_EQ(Validate(args, cuda), absl::OkStatus());
}

}  // namespace
}  // namespace parley
