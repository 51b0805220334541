// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// How one element of each dtype is read from memory and written back, and how
// a run-time DType becomes a compile-time one:
//
//   VisitFloating(args.dtype, [&](auto dtype) {
//     using E = Element<decltype(dtype)::value>;
//     E::Store(output, i, E::Load(input, i));  // widened, rounded once
//   });
#ifndef PARLEY_DEVICE_KERNELS_ELEMENT_H_
#define PARLEY_DEVICE_KERNELS_ELEMENT_H_

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "parley/base/host_device.h"
#include "parley/base/rounding.h"
#include "parley/device/dtype.h"

namespace parley::kernels {

// Tensors need not be aligned, hence the copies.
template <typename T>
PARLEY_HD T LoadAs(const void* data, int64_t i) {
  T value;
  std::memcpy(&value,
              static_cast<const unsigned char*>(data) +
                  i * static_cast<int64_t>(sizeof(T)),
              sizeof(T));
  return value;
}

template <typename T>
PARLEY_HD void StoreAs(void* data, int64_t i, T value) {
  std::memcpy(
      static_cast<unsigned char*>(data) + i * static_cast<int64_t>(sizeof(T)),
      &value, sizeof(T));
}

// Element<kDType>::Load gives float64 for floating-point dtypes and the value
// itself for the others; Store rounds float64 once.
template <DType kDType>
struct Element;

template <>
struct Element<DType::kFloat32> {
  using Storage = float;
  PARLEY_HD static double Load(const void* data, int64_t i) {
    return LoadAs<float>(data, i);
  }
  PARLEY_HD static void Store(void* data, int64_t i, double value) {
    StoreAs(data, i, RoundToFloat32(value));
  }
};

template <>
struct Element<DType::kFloat64> {
  using Storage = double;
  PARLEY_HD static double Load(const void* data, int64_t i) {
    return LoadAs<double>(data, i);
  }
  PARLEY_HD static void Store(void* data, int64_t i, double value) {
    StoreAs(data, i, RoundToFloat64(value));
  }
};

template <>
struct Element<DType::kFloat16> {
  using Storage = uint16_t;
  PARLEY_HD static double Load(const void* data, int64_t i) {
    return WidenFloat16(LoadAs<uint16_t>(data, i));
  }
  PARLEY_HD static void Store(void* data, int64_t i, double value) {
    StoreAs(data, i, RoundToFloat16(value));
  }
};

template <>
struct Element<DType::kBFloat16> {
  using Storage = uint16_t;
  PARLEY_HD static double Load(const void* data, int64_t i) {
    return WidenBFloat16(LoadAs<uint16_t>(data, i));
  }
  PARLEY_HD static void Store(void* data, int64_t i, double value) {
    StoreAs(data, i, RoundToBFloat16(value));
  }
};

template <typename T>
struct IntegerElement {
  using Storage = T;
  PARLEY_HD static T Load(const void* data, int64_t i) {
    return LoadAs<T>(data, i);
  }
  PARLEY_HD static void Store(void* data, int64_t i, T value) {
    StoreAs(data, i, value);
  }
};

template <>
struct Element<DType::kInt32> : IntegerElement<int32_t> {};
template <>
struct Element<DType::kInt64> : IntegerElement<int64_t> {};
template <>
struct Element<DType::kUInt8> : IntegerElement<uint8_t> {};

// Any byte but 0 is true; true is written as 1.
template <>
struct Element<DType::kBool> {
  using Storage = uint8_t;
  PARLEY_HD static bool Load(const void* data, int64_t i) {
    return LoadAs<uint8_t>(data, i) != 0;
  }
  PARLEY_HD static void Store(void* data, int64_t i, bool value) {
    StoreAs(data, i, static_cast<uint8_t>(value));
  }
};

template <DType kDType>
using DTypeConstant = std::integral_constant<DType, kDType>;

// Calls `visitor` with the DTypeConstant of `dtype`; with none if `dtype` is
// not floating point.
template <typename Visitor>
void VisitFloating(DType dtype, const Visitor& visitor) {
  switch (dtype) {
    case DType::kFloat32:
      return visitor(DTypeConstant<DType::kFloat32>());
    case DType::kFloat64:
      return visitor(DTypeConstant<DType::kFloat64>());
    case DType::kFloat16:
      return visitor(DTypeConstant<DType::kFloat16>());
    case DType::kBFloat16:
      return visitor(DTypeConstant<DType::kBFloat16>());
    default:
      return;
  }
}

// As VisitFloating, for every dtype.
template <typename Visitor>
void VisitDType(DType dtype, const Visitor& visitor) {
  switch (dtype) {
    case DType::kInt32:
      return visitor(DTypeConstant<DType::kInt32>());
    case DType::kInt64:
      return visitor(DTypeConstant<DType::kInt64>());
    case DType::kUInt8:
      return visitor(DTypeConstant<DType::kUInt8>());
    case DType::kBool:
      return visitor(DTypeConstant<DType::kBool>());
    default:
      return VisitFloating(dtype, visitor);
  }
}

}  // namespace parley::kernels

#endif  // PARLEY_DEVICE_KERNELS_ELEMENT_H_
