// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// HostAverager: a ModelAverager for numbers that the host computes, whatever
// device the communicator works on. On CPUs the averager gets the host's own
// arrays. Elsewhere it gets a copy in the device's memory: the host's values go
// there before a meeting, and the mean comes back behind it.
//
//   PARLEY_ASSIGN_OR_RETURN(
//       std::unique_ptr<HostAverager> averager,
//       HostAverager::Create(communicator, {{"weights", weights}},
//                            PeriodicSchedule({.period = 8})));
//   for (int64_t step = 0; step < kSteps; ++step) {
//     TrainOnTheHost(weights);
//     PARLEY_RETURN_IF_ERROR(averager->Step());
//   }
//   PARLEY_RETURN_IF_ERROR(averager->Finish());
//
// Guarantees: steps without a meeting copy nothing; when a call has returned
// OK, the arrays hold the mean.
//
// Requires: the communicator and the arrays outlive it.
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_EXAMPLES_DIGITS_HOST_AVERAGER_H_
#define PARLEY_EXAMPLES_DIGITS_HOST_AVERAGER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "parley/averaging/model_averager.h"
#include "parley/averaging/schedule.h"
#include "parley/comm/communicator.h"
#include "parley/device/device.h"

namespace parley::digits {

struct HostTensor {
  std::string name;
  absl::Span<float> values;
};

class HostAverager {
 public:
  // Collective, as ModelAverager::Create().
  static absl::StatusOr<std::unique_ptr<HostAverager>> Create(
      Communicator& communicator, std::vector<HostTensor> tensors,
      std::shared_ptr<const Schedule> schedule);

  HostAverager(const HostAverager&) = delete;
  HostAverager& operator=(const HostAverager&) = delete;

  // Waits for copies that a failed call has left behind.
  ~HostAverager();

  // As ModelAverager::Step(), with this rank's weight.
  absl::Status Step(double weight = 1);

  // As ModelAverager::Finish().
  absl::Status Finish();

  // Held so far.
  int64_t meetings() const { return averager_->last_meeting().meetings; }

 private:
  explicit HostAverager(std::vector<HostTensor> tensors)
      : tensors_(std::move(tensors)) {}

  // What the averager works on, one view for each of tensors_.
  absl::StatusOr<std::vector<TensorView>> OnDevice(Device& device);

  // Enqueues on stream_.
  absl::Status CopyToDevice();
  // Blocks until the host has the values.
  absl::Status CopyToHost();

  const std::vector<HostTensor> tensors_;

  // Null and empty where the averager works on the host's arrays. All tensors
  // lie one behind the other.
  std::unique_ptr<Stream> stream_;
  Allocation device_memory_;
  Allocation pinned_memory_;
  TensorCopy to_device_;
  TensorCopy to_host_;

  std::unique_ptr<ModelAverager> averager_;
};

}  // namespace parley::digits

#endif  // PARLEY_EXAMPLES_DIGITS_HOST_AVERAGER_H_
