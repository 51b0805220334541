// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/examples/digits/host_averager.h"

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/time/time.h"
#include "parley/averaging/parameters.h"
#include "parley/base/status_macros.h"
#include "parley/device/tensor.h"

namespace parley::digits {
namespace {

// A copy takes microseconds; a device that needs longer hangs.
constexpr absl::Duration kCopyTimeout = absl::Minutes(1);

}  // namespace

absl::StatusOr<std::unique_ptr<HostAverager>> HostAverager::Create(
    Communicator& communicator, std::vector<HostTensor> tensors,
    std::shared_ptr<const Schedule> schedule) {
  auto result = absl::WrapUnique(new HostAverager(std::move(tensors)));
  PARLEY_ASSIGN_OR_RETURN(const std::vector<TensorView> views,
                          result->OnDevice(communicator.device()));
  ParameterGroup group;
  for (size_t i = 0; i < views.size(); ++i) {
    group.parameters.push_back(
        {.name = result->tensors_[i].name, .tensor = views[i]});
  }
  PARLEY_ASSIGN_OR_RETURN(ParameterSet parameters,
                          ParameterSet::Create({group}));
  PARLEY_ASSIGN_OR_RETURN(
      result->averager_,
      ModelAverager::Create({.communicator = &communicator,
                             .parameters = std::move(parameters),
                             .schedule = std::move(schedule)}));
  return result;
}

HostAverager::~HostAverager() {
  if (stream_ != nullptr) stream_->WaitHost(kCopyTimeout).IgnoreError();
}

absl::StatusOr<std::vector<TensorView>> HostAverager::OnDevice(Device& device) {
  std::vector<TensorView> views;
  if (device.id().kind == DeviceKind::kCpu) {
    for (const HostTensor& tensor : tensors_) {
      views.push_back(TensorView::Of(tensor.values));
    }
    return views;
  }
  int64_t count = 0;
  for (const HostTensor& tensor : tensors_) {
    count += static_cast<int64_t>(tensor.values.size());
  }
  const int64_t bytes = count * SizeOf(DType::kFloat32);
  PARLEY_ASSIGN_OR_RETURN(device_memory_,
                          Allocation::Create(device.allocator(), bytes));
  PARLEY_ASSIGN_OR_RETURN(
      pinned_memory_,
      Allocation::Create(device.host_visible_allocator(), bytes));
  PARLEY_ASSIGN_OR_RETURN(stream_, device.CreateStream());
  const TensorView on_device(device_memory_.data(), DType::kFloat32, count,
                             device.id());
  const TensorView pinned(pinned_memory_.data(), DType::kFloat32, count,
                          device.id());
  to_device_ = {.from = pinned, .to = on_device};
  to_host_ = {.from = on_device, .to = pinned};
  int64_t begin = 0;
  for (const HostTensor& tensor : tensors_) {
    const auto size = static_cast<int64_t>(tensor.values.size());
    views.push_back(on_device.Slice(begin, size));
    begin += size;
  }
  return views;
}

absl::Status HostAverager::CopyToDevice() {
  if (stream_ == nullptr) return absl::OkStatus();
  auto* pinned = static_cast<float*>(pinned_memory_.data());
  for (const HostTensor& tensor : tensors_) {
    pinned = std::copy(tensor.values.begin(), tensor.values.end(), pinned);
  }
  return stream_->device().Copy({.copies = &to_device_, .num_copies = 1},
                                *stream_);
}

absl::Status HostAverager::CopyToHost() {
  if (stream_ == nullptr) return absl::OkStatus();
  PARLEY_RETURN_IF_ERROR(
      stream_->device().Copy({.copies = &to_host_, .num_copies = 1}, *stream_));
  PARLEY_RETURN_IF_ERROR(stream_->WaitHost(kCopyTimeout));
  const auto* pinned = static_cast<const float*>(pinned_memory_.data());
  for (const HostTensor& tensor : tensors_) {
    std::copy_n(pinned, tensor.values.size(), tensor.values.begin());
    pinned += tensor.values.size();
  }
  return absl::OkStatus();
}

absl::Status HostAverager::Step(double weight) {
  if (averager_->step() < averager_->next_meeting()) {
    return averager_->Step().status();
  }
  PARLEY_RETURN_IF_ERROR(CopyToDevice());
  PARLEY_RETURN_IF_ERROR(
      averager_->Step({.weight = weight, .stream = stream_.get()}).status());
  return CopyToHost();
}

absl::Status HostAverager::Finish() {
  PARLEY_RETURN_IF_ERROR(CopyToDevice());
  PARLEY_RETURN_IF_ERROR(averager_->Finish(stream_.get()));
  return CopyToHost();
}

}  // namespace parley::digits
