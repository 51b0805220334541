// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/testing/values.h"

#include <cstring>

namespace parley {
namespace {

struct Format {
  int exponent_bits;
  int mantissa_bits;
};

Format FormatOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
      return {11, 52};
    case DType::kFloat16:
      return {5, 10};
    case DType::kBFloat16:
      return {8, 7};
    default:
      return {8, 23};
  }
}

// The bits of one floating-point number, without its sign.
uint64_t HardMagnitude(Random& random, const Format& format) {
  const uint64_t mantissa_mask = (uint64_t{1} << format.mantissa_bits) - 1;
  const uint64_t infinity = ((uint64_t{1} << format.exponent_bits) - 1)
                            << format.mantissa_bits;
  const uint64_t mantissa = random.Next() & mantissa_mask;
  switch (random.Uniform(64)) {
    case 0:
      return infinity | (random.Uniform(2) == 0 ? 0 : mantissa);
    case 1:
    case 2:
      return 0;
    case 3:
    case 4:
      return mantissa;  // subnormal
    case 5:
      return infinity - 1 - random.Uniform(4);
    case 6:
      return 1 + random.Uniform(3);  // the least
    case 7:
      return random.Next() & (infinity | mantissa_mask);
    default: {
      // About 1, so that sums lose bits at every length.
      const uint64_t bias = (uint64_t{1} << (format.exponent_bits - 1)) - 1;
      const uint64_t exponent = bias - 6 + random.Uniform(12);
      return exponent << format.mantissa_bits | mantissa;
    }
  }
}

}  // namespace

void FillWithHardValues(Random& random, DType dtype, int64_t count,
                        void* data) {
  auto* bytes = static_cast<unsigned char*>(data);
  const int64_t size = SizeOf(dtype);
  for (int64_t i = 0; i < count; ++i) {
    uint64_t bits = random.Next();
    if (dtype == DType::kBool) bits &= 1;
    if (IsFloating(dtype)) {
      const uint64_t sign = (bits & 1) << (8 * size - 1);
      bits = sign | HardMagnitude(random, FormatOf(dtype));
    }
    // The low bytes: this library requires a little-endian host.
    std::memcpy(bytes + i * size, &bits, static_cast<size_t>(size));
  }
}

}  // namespace parley
