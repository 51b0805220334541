// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Replica: one rank's tensors, of any layout, on a device and in reach of the
// host, with the means to see that nothing but their elements changes: gaps
// between elements and the bytes around a tensor hold a pattern.
//
//   const std::vector<Layout> layouts = LayoutsOf(specs);
//   Replica replica(layouts, communicator.device());
//   replica.Set(0, elements);
//   ...                              // a meeting
//   PARLEY_RETURN_IF_ERROR(replica.Expect(0, mean));
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_TESTS_PROPERTIES_REPLICA_H_
#define PARLEY_TESTS_PROPERTIES_REPLICA_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "parley/averaging/parameters.h"
#include "parley/device/device.h"
#include "parley/device/tensor.h"

namespace parley::testing::properties {

struct TensorSpec {
  std::string name;
  Policy policy = Policy::kAverage;
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;  // in elements
  bool sits_out = false;         // takes no part in meetings after the first
};

// Elements of `spec`.
int64_t CountOf(const TensorSpec& spec);

// A tensor's elements in row-major order, one behind the other.
using Elements = std::vector<unsigned char>;

// Where the elements of a tensor lie.
class Layout {
 public:
  explicit Layout(TensorSpec spec);

  const TensorSpec& spec() const { return spec_; }
  int64_t bytes() const { return size_; }
  TensorView View(void* memory, DeviceId device) const;

  // Memory that holds `elements` and the pattern elsewhere.
  std::vector<unsigned char> Scatter(const Elements& elements) const;

  // The first element that differs, or what else does.
  std::string Difference(const unsigned char* got,
                         const std::vector<unsigned char>& expected) const;

 private:
  TensorSpec spec_;
  int64_t run_bytes_ = 0;      // of elements that lie one behind the other
  std::vector<int64_t> runs_;  // where these begin, in row-major order
  int64_t size_ = 0;
};

std::vector<Layout> LayoutsOf(const std::vector<TensorSpec>& specs);

class Replica {
 public:
  // Both must outlive this.
  Replica(const std::vector<Layout>& layouts, Device& device);

  TensorView view(size_t tensor) const;

  void Set(size_t tensor, const Elements& elements);

  // OK if the tensor has exactly these elements, and nothing around and between
  // them was written.
  absl::Status Expect(size_t tensor, const Elements& elements) const;

 private:
  unsigned char* Memory(size_t tensor) const {
    return static_cast<unsigned char*>(memory_[tensor].data());
  }

  const std::vector<Layout>& layouts_;
  const DeviceId device_;
  std::vector<Allocation> memory_;  // by tensor
};

}  // namespace parley::testing::properties

#endif  // PARLEY_TESTS_PROPERTIES_REPLICA_H_
