// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/cuda/stream_gate.h"

#include <algorithm>
#include <utility>

namespace parley {
namespace {

// The device reads the word while it may change.
void Store(int64_t* word, int64_t value) {
  __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

}  // namespace

StreamGate::StreamGate(int64_t* word) : word_(word) { Store(word_, kOpen); }

void StreamGate::Close(int64_t ticket, const absl::Status& why) {
  MutexLock lock(&mutex_);
  ++closing_;
  if (failure_.ok()) failure_ = why;
  if (!detached_) Store(word_, std::min(*word_, ticket));
}

void StreamGate::Settle(const absl::Status& status) {
  MutexLock lock(&mutex_);
  // The end of the story may be known only now.
  if (failure_.code() == status.code()) failure_ = status;
  --closing_;
}

bool StreamGate::closing() const {
  MutexLock lock(&mutex_);
  return closing_ > 0;
}

absl::Status StreamGate::failure() const {
  MutexLock lock(&mutex_);
  return failure_;
}

absl::Status StreamGate::Open() {
  MutexLock lock(&mutex_);
  if (failure_.ok() || closing_ > 0) return absl::OkStatus();
  if (!detached_) Store(word_, kOpen);
  return std::exchange(failure_, absl::OkStatus());
}

void StreamGate::Detach() {
  MutexLock lock(&mutex_);
  detached_ = true;
}

}  // namespace parley
