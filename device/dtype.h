// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// DType: the element types. Apart from tensor.h, and without Abseil, because
// the kernels need it and nvcc takes several times as long with Abseil.
//
// Thread-safety: thread-safe, pure functions.
#ifndef PARLEY_DEVICE_DTYPE_H_
#define PARLEY_DEVICE_DTYPE_H_

#include <array>
#include <cstdint>

#include "parley/base/host_device.h"

namespace parley {

// Element types. The values are part of wire headers and files.
enum class DType : uint8_t {
  kFloat32 = 0,
  kFloat64 = 1,
  kFloat16 = 2,
  kBFloat16 = 3,
  kInt32 = 4,
  kInt64 = 5,
  kUInt8 = 6,
  kBool = 7,
};

inline constexpr std::array<DType, 8> kAllDTypes = {
    DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16,
    DType::kInt32,   DType::kInt64,   DType::kUInt8,   DType::kBool};

// Bytes per element.
PARLEY_HD constexpr int64_t SizeOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
    case DType::kInt64:
      return 8;
    case DType::kFloat32:
    case DType::kInt32:
      return 4;
    case DType::kFloat16:
    case DType::kBFloat16:
      return 2;
    case DType::kUInt8:
    case DType::kBool:
      return 1;
  }
  return 0;
}

PARLEY_HD constexpr bool IsFloating(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat64 ||
         dtype == DType::kFloat16 || dtype == DType::kBFloat16;
}

}  // namespace parley

#endif  // PARLEY_DEVICE_DTYPE_H_
