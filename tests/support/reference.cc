// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/support/reference.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace parley::testing {
namespace {

template <typename T>
T Load(const void* data) {
  T value;
  std::memcpy(&value, data, sizeof(value));
  return value;
}

template <typename T>
void Store(T value, void* data) {
  std::memcpy(data, &value, sizeof(value));
}

// A 16-bit format, by enumeration: what all its patterns are worth, and
// rounding as a search for the nearest of them.
class SmallFormat {
 public:
  SmallFormat(int exponent_bits, int mantissa_bits)
      : infinity_(((1 << exponent_bits) - 1) << mantissa_bits),
        quiet_bit_(1 << (mantissa_bits - 1)) {
    const int bias = (1 << (exponent_bits - 1)) - 1;
    // Up to infinity, which rounding takes for the next power of two.
    for (int bits = 0; bits <= infinity_; ++bits) {
      const int exponent = bits >> mantissa_bits;
      const int mantissa = bits & ((1 << mantissa_bits) - 1);
      const int significand =
          exponent == 0 ? mantissa : mantissa + (1 << mantissa_bits);
      magnitudes_.push_back(std::ldexp(
          significand, std::max(exponent, 1) - bias - mantissa_bits));
    }
  }

  double ToDouble(uint16_t bits) const {
    const int magnitude = bits & 0x7fff;
    double value = 0;
    if (magnitude > infinity_) {
      value = std::nan("");
    } else if (magnitude == infinity_) {
      value = HUGE_VAL;
    } else {
      value = magnitudes_[static_cast<size_t>(magnitude)];
    }
    return (bits & 0x8000) != 0 ? -value : value;
  }

  uint16_t FromDouble(double value) const {
    if (std::isnan(value)) return static_cast<uint16_t>(infinity_ | quiet_bit_);
    const int sign = std::signbit(value) ? 0x8000 : 0;
    return static_cast<uint16_t>(sign | Nearest(std::fabs(value)));
  }

 private:
  int Nearest(double magnitude) const {
    const auto above =
        std::lower_bound(magnitudes_.begin(), magnitudes_.end(), magnitude);
    if (above == magnitudes_.end()) return infinity_;
    const int high = static_cast<int>(above - magnitudes_.begin());
    if (*above == magnitude) return high;
    const double to_high = *above - magnitude;
    const double to_low = magnitude - *(above - 1);
    if (to_high != to_low) return to_high < to_low ? high : high - 1;
    return high % 2 == 0 ? high : high - 1;
  }

  const int infinity_;  // the pattern; those above it are NaN
  const int quiet_bit_;
  std::vector<double> magnitudes_;
};

const SmallFormat& Format(DType dtype) {
  static const SmallFormat* const float16 = new SmallFormat(5, 10);
  static const SmallFormat* const bfloat16 = new SmallFormat(8, 7);
  return dtype == DType::kFloat16 ? *float16 : *bfloat16;
}

int64_t ToInteger(DType dtype, const void* data) {
  switch (dtype) {
    case DType::kInt64:
      return Load<int64_t>(data);
    case DType::kInt32:
      return Load<int32_t>(data);
    default:
      return Load<uint8_t>(data);
  }
}

void FromInteger(DType dtype, int64_t value, void* data) {
  switch (dtype) {
    case DType::kInt64:
      return Store(value, data);
    case DType::kInt32:
      return Store(static_cast<int32_t>(value), data);
    default:
      return Store(static_cast<uint8_t>(value), data);
  }
}

int64_t IntegerMean(DType dtype, absl::Span<const char* const> elements) {
  const auto n = static_cast<__int128>(elements.size());
  __int128 sum = 0;
  for (const char* element : elements) sum += ToInteger(dtype, element);
  __int128 floor = sum / n;
  if (floor * n > sum) --floor;
  const __int128 twice_rest = 2 * (sum - floor * n);
  const bool up = twice_rest > n || (twice_rest == n && floor % 2 != 0);
  return static_cast<int64_t>(floor + (up ? 1 : 0));
}

double WeightedMean(DType dtype, absl::Span<const char* const> elements,
                    absl::Span<const double> weights, bool weighted) {
  double sum = 0;
  double divisor = 0;
  for (size_t i = 0; i < elements.size(); ++i) {
    const double x = ToDouble(dtype, elements[i]);
    const double term = weighted ? weights[i] * x : x;
    const double weight = weighted ? weights[i] : 1;
    // -0 is the start of a sum, 0 is not.
    sum = i == 0 ? term : sum + term;
    divisor = i == 0 ? weight : divisor + weight;
  }
  return sum / divisor;
}

}  // namespace

void FromDouble(DType dtype, double value, void* data) {
  switch (dtype) {
    case DType::kFloat64:
      if (std::isnan(value)) return Store(uint64_t{0x7ff8000000000000}, data);
      return Store(value, data);
    case DType::kFloat32:
      if (std::isnan(value)) return Store(uint32_t{0x7fc00000}, data);
      return Store(static_cast<float>(value), data);
    default:
      return Store(Format(dtype).FromDouble(value), data);
  }
}

double HalfUnit(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
      return 0x1p-53;
    case DType::kFloat32:
      return 0x1p-24;
    case DType::kFloat16:
      return 0x1p-11;
    default:
      return 0x1p-8;
  }
}

double ToDouble(DType dtype, const void* data) {
  switch (dtype) {
    case DType::kFloat64:
      return Load<double>(data);
    case DType::kFloat32:
      return Load<float>(data);
    default:
      return Format(dtype).ToDouble(Load<uint16_t>(data));
  }
}

void ReferenceMean(DType dtype, absl::Span<const void* const> inputs,
                   absl::Span<const double> weights, int64_t count,
                   void* output) {
  std::vector<size_t> ranks;
  std::vector<double> counting;
  bool weighted = false;
  for (size_t r = 0; r < inputs.size(); ++r) {
    const double weight = weights.empty() ? 1 : weights[r];
    if (weight == 0) continue;
    ranks.push_back(r);
    counting.push_back(weight);
    weighted |= weight != counting.front();
  }
  std::vector<const char*> elements(ranks.size());
  for (int64_t i = 0; i < count; ++i) {
    const int64_t offset = i * SizeOf(dtype);
    for (size_t k = 0; k < ranks.size(); ++k) {
      elements[k] = static_cast<const char*>(inputs[ranks[k]]) + offset;
    }
    char* element = static_cast<char*>(output) + offset;
    if (IsFloating(dtype)) {
      FromDouble(dtype, WeightedMean(dtype, elements, counting, weighted),
                 element);
    } else {
      FromInteger(dtype, IntegerMean(dtype, elements), element);
    }
  }
}

}  // namespace parley::testing
