// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/testing/values.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace parley::testing {
namespace {

constexpr int64_t kGuardBytes = 64;
constexpr unsigned char kFill = 0x5a;

// The 16-bit encoding of a whole number from 0 to 256, by its binary exponent.
uint16_t Encode16(int value, int exponent_bits, int mantissa_bits) {
  if (value == 0) return 0;
  const int exponent = std::ilogb(value);
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int mantissa = (value - (1 << exponent)) << mantissa_bits >> exponent;
  return static_cast<uint16_t>(((exponent + bias) << mantissa_bits) | mantissa);
}

template <typename T>
void Store(unsigned char* p, T value) {
  std::memcpy(p, &value, sizeof(T));
}

void Encode(DType dtype, int value, unsigned char* p) {
  switch (dtype) {
    case DType::kFloat32:
      return Store(p, static_cast<float>(value));
    case DType::kFloat64:
      return Store(p, static_cast<double>(value));
    case DType::kFloat16:
      return Store(p, Encode16(value, 5, 10));
    case DType::kBFloat16:
      return Store(p, Encode16(value, 8, 7));
    case DType::kInt32:
      return Store(p, static_cast<int32_t>(value));
    case DType::kInt64:
      return Store(p, static_cast<int64_t>(value));
    case DType::kUInt8:
    case DType::kBool:
      return Store(p, static_cast<uint8_t>(value));
  }
}

}  // namespace

TestTensor::TestTensor(Device& device, DType dtype, int64_t count)
    : device_(device.id()),
      dtype_(dtype),
      count_(count),
      memory_(Allocation::Create(
                  device.host_visible_allocator(),
                  count * SizeOf(dtype) + 2 * kGuardBytes + SizeOf(dtype))
                  .value()),
      offset_(kGuardBytes + SizeOf(dtype)) {
  std::fill(begin(), begin() + memory_.bytes(), kFill);
}

void TestTensor::Set(int64_t index, int value) {
  Encode(dtype_, value, data() + index * SizeOf(dtype_));
}

int TestTensor::Get(int64_t index) const {
  const auto size = static_cast<size_t>(SizeOf(dtype_));
  const unsigned char* p = data() + index * SizeOf(dtype_);
  unsigned char expected[8];
  const int largest = dtype_ == DType::kBool    ? 1
                      : dtype_ == DType::kUInt8 ? 255
                                                : 256;
  for (int value = 0; value <= largest; ++value) {
    Encode(dtype_, value, expected);
    if (std::memcmp(p, expected, size) == 0) return value;
  }
  return -1;
}

bool TestTensor::GuardsIntact() const {
  const int64_t end = offset_ + count_ * SizeOf(dtype_);
  for (int64_t i = 0; i < memory_.bytes(); ++i) {
    if ((i < offset_ || i >= end) && begin()[i] != kFill) return false;
  }
  return true;
}

absl::Status ExpectAll(const DeviceArray<float>& values, float expected,
                       const std::string& what) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] == expected) continue;
    return absl::InternalError(absl::StrCat(
        what, ": element ", i, " is ", values[i], ", expected ", expected));
  }
  return absl::OkStatus();
}

int ValueOf(DType dtype, int rank, int64_t index) {
  const int value = static_cast<int>((rank * 7 + index * 3 + index / 5) % 11);
  return dtype == DType::kBool ? value % 2 : value;
}

TestTensor FilledTensor(Device& device, DType dtype, int64_t count, int rank) {
  TestTensor tensor(device, dtype, count);
  for (int64_t i = 0; i < count; ++i) {
    tensor.Set(i, ValueOf(dtype, rank, i));
  }
  return tensor;
}

}  // namespace parley::testing
