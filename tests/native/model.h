// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Model: one rank's tensors, of every floating-point dtype, on the backend's
// device, with numbers that the test gives and reads as float64.
//
//   Model model(communicator.device(), AllKinds());
//   model.Set(0, {1, 2, 3});            // rounded to the dtype of tensor 0
//   ... an averager of model.Parameters() ...
//   model.Get(0);
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_TESTS_NATIVE_MODEL_H_
#define PARLEY_TESTS_NATIVE_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "parley/averaging/parameters.h"
#include "parley/device/device.h"
#include "parley/device/tensor.h"

namespace parley::testing::native {

struct TensorSpec {
  std::string name;
  DType dtype = DType::kFloat32;
  int64_t rows = 1;
  int64_t columns = 1;
  int64_t stride = 1;  // of a row: more than `columns` leaves gaps
};

// Of every floating-point dtype a large tensor, small ones, and one with gaps.
std::vector<TensorSpec> AllKinds();

// `value` rounded to the dtype, as float64.
double Round(DType dtype, double value);

// Ordinary numbers of the dtype, of either sign and of different sizes, that
// depend on all arguments.
std::vector<double> Draw(const TensorSpec& spec, int rank, int meeting);

class Model {
 public:
  Model(Device& device, std::vector<TensorSpec> specs);

  const std::vector<TensorSpec>& specs() const { return specs_; }
  TensorView view(size_t tensor) const;
  // All are averaged.
  ParameterSet Parameters() const;

  // In row-major order.
  void Set(size_t tensor, const std::vector<double>& values);
  std::vector<double> Get(size_t tensor) const;

  // Whether nobody wrote what is between the elements, and behind the last.
  absl::Status CheckUntouched() const;

  // All memory, gaps included.
  std::string Bytes() const;

 private:
  void* At(size_t tensor, size_t element) const;

  const std::vector<TensorSpec> specs_;
  const DeviceId device_;
  std::vector<Allocation> memory_;  // by tensor
};

}  // namespace parley::testing::native

#endif  // PARLEY_TESTS_NATIVE_MODEL_H_
