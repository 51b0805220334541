// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/nccl/flight_recorder.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace parley {

FlightRecorder::FlightRecorder(int rank, int size, int capacity)
    : rank_(rank), size_(size) {
  entries_.resize(static_cast<size_t>(std::max(capacity, 1)));
}

int FlightRecorder::AddCommunicator(absl::string_view name, int rank,
                                    int size) {
  MutexLock lock(&mutex_);
  communicators_.push_back({std::string(name), rank, size, 0});
  return static_cast<int>(communicators_.size()) - 1;
}

int64_t FlightRecorder::Schedule(int communicator, const Operation& operation,
                                 int64_t now_ns) {
  MutexLock lock(&mutex_);
  const int64_t id = next_id_++;
  Entry& entry = At(id);
  entry = Entry();
  entry.id = id;
  entry.communicator = communicator;
  entry.operation = operation;
  entry.scheduled_ns = now_ns;
  communicators_[static_cast<size_t>(communicator)].scheduled =
      operation.sequence + 1;
  return id;
}

void FlightRecorder::Mark(int64_t id, FlightState state, int64_t now_ns) {
  MutexLock lock(&mutex_);
  Entry& entry = At(id);
  if (entry.id != id) return;
  entry.state = state;
  (state == FlightState::kStarted ? entry.started_ns : entry.ended_ns) = now_ns;
}

FlightDump FlightRecorder::Snapshot(absl::string_view reason,
                                    int64_t now_ns) const {
  FlightDump dump;
  dump.rank = rank_;
  dump.size = size_;
  dump.reason = std::string(reason);
  dump.time_ns = now_ns;
  MutexLock lock(&mutex_);
  dump.communicators = communicators_;
  const int64_t capacity = static_cast<int64_t>(entries_.size());
  for (int64_t id = std::max<int64_t>(0, next_id_ - capacity); id < next_id_;
       ++id) {
    const Entry& entry = entries_[static_cast<size_t>(id % capacity)];
    FlightOperation operation;
    operation.communicator =
        communicators_[static_cast<size_t>(entry.communicator)].name;
    operation.sequence = entry.operation.sequence;
    operation.op = std::string(entry.operation.op);
    operation.dtype = std::string(entry.operation.dtype);
    operation.tensors = entry.operation.tensors;
    operation.elements = entry.operation.elements;
    operation.signature = entry.operation.signature;
    operation.state = entry.state;
    operation.scheduled_ns = entry.scheduled_ns;
    operation.started_ns = entry.started_ns;
    operation.ended_ns = entry.ended_ns;
    dump.operations.push_back(std::move(operation));
  }
  return dump;
}

absl::Status FlightRecorder::Write(const std::string& path,
                                   absl::string_view reason,
                                   int64_t now_ns) const {
  // A reader never sees half a file: the process may be about to be killed.
  const std::string partial = path + ".partial";
  std::ofstream file(partial, std::ios::binary | std::ios::trunc);
  file << Snapshot(reason, now_ns).ToJson() << '\n';
  file.close();
  if (file.fail() || std::rename(partial.c_str(), path.c_str()) != 0) {
    return absl::UnavailableError(absl::StrCat(
        "flight recorder: cannot write ", path, ": ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace parley
