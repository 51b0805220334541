// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/gpu_check/references.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "parley/device/kernels/elementwise.h"

namespace parley::gpu_check {
namespace {

const char* At(DType dtype, const void* data, int64_t index) {
  return static_cast<const char*>(data) + index * SizeOf(dtype);
}
char* At(DType dtype, void* data, int64_t index) {
  return static_cast<char*>(data) + index * SizeOf(dtype);
}

// A 16-bit format, by its definition.
struct SmallFormat {
  int exponent_bits;
  int mantissa_bits;

  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  int64_t infinity() const {
    return ((int64_t{1} << exponent_bits) - 1) << mantissa_bits;
  }
};

SmallFormat FormatOf(DType dtype) {
  return dtype == DType::kFloat16 ? SmallFormat{5, 10} : SmallFormat{8, 7};
}

double Widen(const SmallFormat& format, uint16_t bits) {
  const int64_t magnitude = bits & 0x7fff;
  const int exponent = static_cast<int>(magnitude >> format.mantissa_bits);
  const int64_t fraction =
      magnitude - (int64_t{exponent} << format.mantissa_bits);
  const int64_t hidden = exponent == 0 ? 0 : int64_t{1} << format.mantissa_bits;
  double value =
      std::ldexp(static_cast<double>(hidden + fraction),
                 std::max(exponent, 1) - format.bias() - format.mantissa_bits);
  if (magnitude == format.infinity()) value = HUGE_VAL;
  if (magnitude > format.infinity()) value = std::nan("");
  return (bits & 0x8000) != 0 ? -value : value;
}

// Counts in units of the last place, which is that of subnormals at least.
uint16_t Round(const SmallFormat& format, double value) {
  const int64_t infinity = format.infinity();
  if (std::isnan(value)) {
    return static_cast<uint16_t>(infinity | int64_t{1}
                                                << (format.mantissa_bits - 1));
  }
  int64_t bits = infinity;
  if (!std::isinf(value)) {
    const int least = 1 - format.bias();
    const int exponent =
        value == 0 ? least : std::max(std::ilogb(value), least);
    const double units = std::nearbyint(
        std::ldexp(std::fabs(value), format.mantissa_bits - exponent));
    bits = (int64_t{exponent - least} << format.mantissa_bits) +
           static_cast<int64_t>(units);
  }
  return static_cast<uint16_t>(std::min(bits, infinity) |
                               (std::signbit(value) ? 0x8000 : 0));
}

// An integer element, extended to 64 bits as its dtype says.
int64_t LoadInteger(DType dtype, const void* data, int64_t index) {
  int64_t wide = 0;
  int32_t narrow = 0;
  uint8_t byte = 0;
  switch (dtype) {
    case DType::kInt64:
      std::memcpy(&wide, At(dtype, data, index), sizeof(wide));
      return wide;
    case DType::kInt32:
      std::memcpy(&narrow, At(dtype, data, index), sizeof(narrow));
      return narrow;
    default:
      std::memcpy(&byte, At(dtype, data, index), sizeof(byte));
      return byte;
  }
}

// The low bytes of the value: this library requires a little-endian host.
void StoreInteger(DType dtype, uint64_t value, void* data, int64_t index) {
  std::memcpy(At(dtype, data, index), &value,
              static_cast<size_t>(SizeOf(dtype)));
}

// Halves to even.
uint64_t IntegerMean(DType dtype, absl::Span<const void* const> inputs,
                     int64_t index) {
  const auto n = static_cast<__int128>(inputs.size());
  __int128 sum = 0;
  for (const void* input : inputs) sum += LoadInteger(dtype, input, index);
  __int128 floor = sum / n;
  if (floor * n > sum) --floor;
  const __int128 twice_rest = 2 * (sum - floor * n);
  if (twice_rest > n || (twice_rest == n && floor % 2 != 0)) ++floor;
  return static_cast<uint64_t>(floor);
}

uint64_t Mix(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9u;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

uint64_t Low(uint64_t word) { return word & 0xffffffffu; }
uint64_t High(uint64_t word) { return word >> 32; }

}  // namespace

double LoadDouble(DType dtype, const void* data, int64_t index) {
  const char* const element = At(dtype, data, index);
  double wide = 0;
  float single = 0;
  uint16_t bits = 0;
  switch (dtype) {
    case DType::kFloat64:
      std::memcpy(&wide, element, sizeof(wide));
      return wide;
    case DType::kFloat32:
      std::memcpy(&single, element, sizeof(single));
      return double{single};
    default:
      std::memcpy(&bits, element, sizeof(bits));
      return Widen(FormatOf(dtype), bits);
  }
}

void StoreDouble(DType dtype, double value, void* data, int64_t index) {
  char* const element = At(dtype, data, index);
  if (dtype == DType::kFloat64) {
    const uint64_t nan = 0x7ff8000000000000;
    std::memcpy(element, &value, sizeof(value));
    if (std::isnan(value)) std::memcpy(element, &nan, sizeof(nan));
  } else if (dtype == DType::kFloat32) {
    const uint32_t nan = 0x7fc00000;
    const auto single = static_cast<float>(value);
    std::memcpy(element, &single, sizeof(single));
    if (std::isnan(value)) std::memcpy(element, &nan, sizeof(nan));
  } else {
    const uint16_t bits = Round(FormatOf(dtype), value);
    std::memcpy(element, &bits, sizeof(bits));
  }
}

void ReferenceMean(DType dtype, absl::Span<const void* const> inputs,
                   absl::Span<const double> weights, int64_t count,
                   void* output) {
  for (int64_t i = 0; i < count; ++i) {
    if (!IsFloating(dtype)) {
      StoreInteger(dtype, IntegerMean(dtype, inputs, i), output, i);
      continue;
    }
    double sum = 0, divisor = 0;
    for (size_t r = 0; r < inputs.size(); ++r) {
      const double weight = weights.empty() ? 1 : weights[r];
      const double term = weight * LoadDouble(dtype, inputs[r], i);
      // -0 is the start of a sum, 0 is not.
      sum = r == 0 ? term : sum + term;
      divisor += weight;
    }
    StoreDouble(dtype, sum / divisor, output, i);
  }
}

void ReferenceElementwise(const ElementwiseArgs& args) {
  kernels::VisitOp(args.op, [&](auto op) {
    using Op = decltype(op);
    constexpr int kOperands = Op::kSignature.num_operands();
    for (int64_t p = 0; p < args.num_pieces; ++p) {
      const ElementwisePiece& piece = args.pieces[p];
      for (int64_t i = 0; i < piece.count; ++i) {
        double values[kOperands] = {};
        for (int k = 0; k < kOperands; ++k) {
          if (!Op::kSignature.operands[k].is_read()) continue;
          values[k] = LoadDouble(args.dtypes[k], piece.operands[k], i);
        }
        kernels::Apply<Op>(args.scalars, values,
                           std::make_index_sequence<kOperands>());
        for (int k = 0; k < kOperands; ++k) {
          if (!Op::kSignature.operands[k].is_written()) continue;
          StoreDouble(args.dtypes[k], values[k], piece.operands[k], i);
        }
      }
    }
  });
}

// device/kernels/fingerprint.h, word for word.
uint64_t ReferenceFingerprint(DType dtype, uint64_t tensor_id,
                              int64_t first_index, const void* data,
                              int64_t count) {
  uint64_t sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    uint64_t x = 0;
    std::memcpy(&x, At(dtype, data, i), static_cast<size_t>(SizeOf(dtype)));
    const uint64_t index = static_cast<uint64_t>(first_index + i);
    const uint64_t k =
        (Mix(tensor_id) + index * 0x9e3779b97f4a7c15u) | (uint64_t{1} << 32);
    const uint64_t u = x ^ k;
    uint64_t p = Low(u) * High(k) + k;
    if (SizeOf(dtype) == 8) {
      p += High(u) << 32;
      p = High(p) * (Low(k) | 1) + (Low(p) << 32);
    }
    sum += p ^ (p >> 32);
  }
  return sum;
}

}  // namespace parley::gpu_check
