// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/nccl/group.h"

#include <utility>

#include "parley/base/status_macros.h"

namespace parley::nccl {

Group::Group(std::shared_ptr<Family> family, absl::string_view name, int rank,
             std::vector<int> members)
    : family(std::move(family)),
      name(name),
      rank(rank),
      members(std::move(members)),
      size(static_cast<int>(this->members.size())),
      flight_number(this->family->recorder.AddCommunicator(name, rank, size)),
      notices(this->family->settings.store, name, rank, size) {}

absl::StatusOr<std::shared_ptr<Group>> Group::Create(
    std::shared_ptr<Family> family, absl::string_view name, int rank,
    std::vector<int> members) {
  CudaDevice& device = *family->settings.device;
  std::shared_ptr<Group> group(
      new Group(std::move(family), name, rank, std::move(members)));
  const int size = group->size;
  // One byte for Barrier, and for each peer one to send and one to receive.
  PARLEY_ASSIGN_OR_RETURN(group->scratch,
                          Allocation::Create(device.allocator(), 1 + 2 * size));
  PARLEY_ASSIGN_OR_RETURN(
      group->words,
      Allocation::Create(device.host_visible_allocator(),
                         size * static_cast<int64_t>(sizeof(int64_t))));
  PARLEY_ASSIGN_OR_RETURN(group->control, device.CreateCudaStream());
  return group;
}

absl::Status Group::failure() {
  MutexLock lock(&mutex_);
  return failure_.ok() ? abort_reason_ : failure_;
}

void Group::RequestAbort(const absl::Status& reason) {
  const int64_t now_ns = family->clock().NowNs();
  {
    MutexLock lock(&mutex_);
    if (!abort_reason_.ok()) return;
    abort_reason_ = reason;
    if (aborted_ != nullptr) aborted_->store(true, std::memory_order_relaxed);
    abort_requested_ns_ = now_ns;
  }
  family->owner.Interrupt();
}

absl::Status Group::abort_reason() {
  MutexLock lock(&mutex_);
  return abort_reason_;
}

void Group::SetFailure(const absl::Status& failure) {
  MutexLock lock(&mutex_);
  if (failure_.ok()) failure_ = failure;
  if (aborted_ != nullptr) aborted_->store(true, std::memory_order_relaxed);
}

void Group::SetFlag(std::atomic<bool>* aborted) {
  MutexLock lock(&mutex_);
  aborted_ = aborted;
}

}  // namespace parley::nccl
