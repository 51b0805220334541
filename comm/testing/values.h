// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Test tensors of any dtype that hold small whole numbers, which are exact in
// all of them, in memory that both the host and the device can touch. Written
// apart from the library's conversions, which it serves to check.
#ifndef PARLEY_COMM_TESTING_VALUES_H_
#define PARLEY_COMM_TESTING_VALUES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "parley/device/device.h"
#include "parley/device/tensor.h"
#include "parley/device/testing/device_array.h"

namespace parley::testing {

// Owns a tensor's memory, at an address that is not aligned to more than the
// element.
class TestTensor {
 public:
  // All bytes 0x5a. `device` must outlive the tensor.
  TestTensor(Device& device, DType dtype, int64_t count);

  DType dtype() const { return dtype_; }
  int64_t count() const { return count_; }
  TensorView view() { return TensorView(data(), dtype_, count_, device_); }

  // Whole numbers from 0 to 256; for kBool 0 and 1.
  void Set(int64_t index, int value);

  // -1 for anything that Set() does not write.
  int Get(int64_t index) const;

  // Whether the bytes around the tensor are untouched.
  bool GuardsIntact() const;

 private:
  unsigned char* begin() const {
    return static_cast<unsigned char*>(memory_.data());
  }
  unsigned char* data() const { return begin() + offset_; }

  DeviceId device_;
  DType dtype_;
  int64_t count_;
  Allocation memory_;
  int64_t offset_;
};

// OK if all elements are `expected`; else kInternal with `what`.
absl::Status ExpectAll(const DeviceArray<float>& values, float expected,
                       const std::string& what);

// The value of element `index` on `rank`: at most 10, so that the sum over 16
// ranks is exact in bfloat16.
int ValueOf(DType dtype, int rank, int64_t index);

// A tensor filled with ValueOf().
TestTensor FilledTensor(Device& device, DType dtype, int64_t count, int rank);

}  // namespace parley::testing

#endif  // PARLEY_COMM_TESTING_VALUES_H_
