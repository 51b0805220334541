// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// DeviceArray: an array of numbers that both the host and a device can touch,
// for tests that train on the host what is averaged on the device.
//
//   DeviceArray<float> weights(communicator.device(), 12, /*value=*/1.0f);
//   weights[3] = 0.5f;
//   ... an averager of {.name = "w", .tensor = weights.view()} ...
//
// Requires: the device outlives it.
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_DEVICE_TESTING_DEVICE_ARRAY_H_
#define PARLEY_DEVICE_TESTING_DEVICE_ARRAY_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "parley/device/device.h"
#include "parley/device/tensor.h"

namespace parley::testing {

template <typename T>
class DeviceArray {
 public:
  DeviceArray(Device& device, size_t count, T value = T())
      : device_(device.id()),
        memory_(Allocation::Create(device.host_visible_allocator(),
                                   static_cast<int64_t>(
                                       std::max<size_t>(count, 1) * sizeof(T)))
                    .value()),
        values_(static_cast<T*>(memory_.data()), count) {
    std::fill(values_.begin(), values_.end(), value);
  }

  absl::Span<T> values() const { return values_; }
  size_t size() const { return values_.size(); }
  T& operator[](size_t index) const { return values_[index]; }

  TensorView view() const {
    const TensorView host = TensorView::Of(values_);
    return TensorView(host.data(), host.dtype(), host.count(), device_);
  }

 private:
  DeviceId device_;
  Allocation memory_;
  absl::Span<T> values_;
};

}  // namespace parley::testing

#endif  // PARLEY_DEVICE_TESTING_DEVICE_ARRAY_H_
