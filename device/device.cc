// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/device.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace parley {

absl::StatusOr<Allocation> Allocation::Create(Allocator& allocator,
                                              int64_t bytes) {
  if (bytes < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("an allocation of ", bytes, " bytes"));
  }
  Allocation allocation;
  if (bytes == 0) return allocation;
  allocation.data_ = allocator.Allocate(bytes);
  if (allocation.data_ == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for ", bytes, " bytes"));
  }
  allocation.allocator_ = &allocator;
  allocation.bytes_ = bytes;
  return allocation;
}

Allocation::Allocation(Allocation&& other) noexcept
    : allocator_(std::exchange(other.allocator_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

Allocation& Allocation::operator=(Allocation&& other) noexcept {
  std::swap(allocator_, other.allocator_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Allocation::~Allocation() {
  if (data_ != nullptr) allocator_->Deallocate(data_, bytes_);
}

}  // namespace parley
