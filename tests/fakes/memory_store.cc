// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/fakes/memory_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "parley/base/clock.h"

namespace parley::fakes {
namespace {

absl::Status Check(const char* what, size_t size, size_t limit) {
  if (size <= limit) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("memory store: a ", what, " of ", size, " bytes; at most ",
                   limit, " are taken"));
}

absl::StatusOr<sim::SimThread*> Caller() {
  sim::SimThread* thread = sim::Scheduler::Current();
  if (thread != nullptr) return thread;
  return absl::FailedPreconditionError(
      "memory store: called by a thread that is not of a simulated world");
}

}  // namespace

absl::Status MemoryStore::Set(absl::string_view key, absl::string_view value) {
  absl::StatusOr<sim::SimThread*> thread = Caller();
  if (!thread.ok()) return thread.status();
  absl::Status status = Check("key", key.size(), kMaxStoreKeyBytes);
  if (status.ok()) status = Check("value", value.size(), kMaxStoreValueBytes);
  if (!status.ok()) return status;

  Write* write;
  {
    MutexLock lock(&mutex_);
    write = &writes_.emplace_back();
  }
  write->store = this;
  write->key = std::string(key);
  write->value = std::string(value);
  (*thread)->scheduler->Post(**thread, write, 0);
  return absl::OkStatus();
}

void MemoryStore::Write::OnEvent(int64_t, uint64_t) {
  MutexLock lock(&store->mutex_);
  store->values_[key] = value;
  for (Read* read : store->waiting_) {
    if (read->found || read->key != key) continue;
    read->found = true;
    read->value = value;
    read->thread->scheduler->Wake(*read->thread);
  }
}

absl::StatusOr<std::string> MemoryStore::Get(absl::string_view key,
                                             absl::Duration timeout) {
  absl::StatusOr<sim::SimThread*> thread = Caller();
  if (!thread.ok()) return thread.status();
  absl::Status status = Check("key", key.size(), kMaxStoreKeyBytes);
  if (!status.ok()) return status;

  Read read;
  read.store = this;
  read.thread = *thread;
  read.key = std::string(key);
  read.is_last = timeout <= absl::ZeroDuration();
  sim::SimThread& caller = **thread;
  caller.waits_for = [&read] {
    return absl::StrCat("waits for the key ", read.key, " of a store");
  };
  caller.scheduler->Post(caller, &read, 0);
  const int64_t timeout_ns = timeout >= absl::Nanoseconds(kNever)
                                 ? kNever
                                 : absl::ToInt64Nanoseconds(timeout);
  caller.scheduler->Park(
      caller, read.is_last ? kNever : DeadlineAfter(caller.now_ns, timeout_ns));
  {
    MutexLock lock(&mutex_);
    waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), &read),
                   waiting_.end());
  }
  if (read.found) return read.value;
  if (caller.cancelled) {
    return absl::CancelledError(absl::StrCat(
        "memory store: waiting for the key ", read.key, " was given up"));
  }
  return absl::DeadlineExceededError(
      absl::StrCat("memory store: no value for the key ", read.key, " after ",
                   absl::FormatDuration(timeout)));
}

void MemoryStore::Read::OnEvent(int64_t, uint64_t) {
  MutexLock lock(&store->mutex_);
  const auto it = store->values_.find(key);
  if (it != store->values_.end()) {
    found = true;
    value = it->second;
  } else if (!is_last) {
    store->waiting_.push_back(this);
    return;
  }
  thread->scheduler->Wake(*thread);
}

}  // namespace parley::fakes
