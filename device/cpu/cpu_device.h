// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// CpuDevice: the host's memory and the kernels' vectorised CPU form. Streams
// made by it run their work at once; a communicator whose operations complete
// later supplies a device with streams of its own by deriving from this one.
//
//   CpuDevice device;
//   PARLEY_ASSIGN_OR_RETURN(auto stream, device.CreateStream());
//   PARLEY_RETURN_IF_ERROR(device.Mean(args, *stream));
//
// Thread-safety: thread-safe.
#ifndef PARLEY_DEVICE_CPU_CPU_DEVICE_H_
#define PARLEY_DEVICE_CPU_CPU_DEVICE_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "parley/device/device.h"

namespace parley {

// The process's heap, aligned. Never null.
Allocator& HeapAllocator();

class CpuDevice : public Device {
 public:
  // Memory comes from `allocator`, which must outlive the device.
  explicit CpuDevice(Allocator& allocator = HeapAllocator());

  DeviceId id() const override { return {}; }
  Allocator& host_visible_allocator() override { return allocator_; }
  Allocator& allocator() override { return allocator_; }
  absl::StatusOr<std::unique_ptr<Stream>> CreateStream() override;
  std::unique_ptr<Event> CreateEvent() override;
  int64_t preferred_bucket_bytes() const override { return 256 * 1024; }

  absl::Status Mean(const MeanArgs& args, Stream& stream) override;
  absl::Status Copy(const CopyArgs& args, Stream& stream) override;
  absl::Status Elementwise(const ElementwiseArgs& args,
                           Stream& stream) override;
  absl::Status Fingerprint(const FingerprintArgs& args,
                           Stream& stream) override;

 private:
  Allocator& allocator_;
};

}  // namespace parley

#endif  // PARLEY_DEVICE_CPU_CPU_DEVICE_H_
