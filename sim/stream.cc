// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/sim/engine.h"
#include "parley/sim/operation.h"

namespace parley::sim {

void StreamState::Enqueue(const HostTask& task) {
  if (!items_.empty()) {
    StreamItem item;
    item.kind = StreamItem::kTask;
    item.task = task;
    Push(std::move(item));
    return;
  }
  if (!failure_.ok()) return;
  HostTask now = task;
  now.Run();
  ready_ns_ = std::max(ready_ns_, rank_.Caller().now_ns) +
              rank_.engine.cost().Kernel(task.bytes());
}

void StreamState::Enqueue(Entry* entry) {
  StreamItem item;
  item.kind = StreamItem::kOperation;
  item.entry = entry;
  Push(std::move(item));
}

void StreamState::Record(Completion* completion) {
  if (items_.empty()) {
    completion->Resolve(std::max(ready_ns_, rank_.Caller().now_ns), failure_);
    return;
  }
  completion->Ref();
  StreamItem item;
  item.kind = StreamItem::kRecord;
  item.completion = completion;
  Push(std::move(item));
}

void StreamState::Wait(Completion* completion) {
  completion->Ref();
  StreamItem item;
  item.kind = StreamItem::kWait;
  item.completion = completion;
  item.posted_ns = rank_.Caller().now_ns;
  if (items_.empty() && StepWait(item)) return;
  Push(std::move(item));
}

void StreamState::Push(StreamItem item) {
  SimThread& thread = rank_.Caller();
  item.posted_ns = thread.now_ns;
  items_.push_back(std::move(item));
  if (items_.size() == 1) rank_.engine.scheduler().Post(thread, this, 0);
}

absl::Status StreamState::WaitHost(absl::Duration timeout) {
  SimThread& thread = rank_.Caller();
  absl::Status status;
  if (!items_.empty()) {
    Completion* end = rank_.completions.Take();
    Record(end);
    status = end->WaitHost(timeout);
    const bool ended = end->done();
    end->Unref();
    if (!ended) return status;
  }
  thread.now_ns = std::max(thread.now_ns, ready_ns_);
  return std::exchange(failure_, absl::OkStatus());
}

void StreamState::RunTasks() {
  while (HasTask()) {
    if (failure_.ok()) {
      front().task.Run();
      ready_ns_ = std::max(ready_ns_, front().posted_ns) +
                  rank_.engine.cost().Kernel(front().task.bytes());
    }
    items_.pop_front();
  }
}

int64_t StreamState::TaskBytes() {
  int64_t bytes = 0;
  for (size_t i = 0; i < items_.size() && items_[i].kind == StreamItem::kTask;
       ++i) {
    bytes += items_[i].task.bytes();
  }
  return bytes;
}

// Takes the wait if its time has come; the item's reference goes with it.
bool StreamState::StepWait(const StreamItem& item) {
  Completion* completion = item.completion;
  if (!completion->done()) return false;
  ready_ns_ = std::max({ready_ns_, item.posted_ns, completion->time_ns()});
  if (failure_.ok()) failure_ = completion->status();
  completion->Unref();
  return true;
}

void StreamState::Step() {
  while (!items_.empty()) {
    StreamItem& item = front();
    switch (item.kind) {
      case StreamItem::kTask:
        return;
      case StreamItem::kOperation:
        if (!arrived_) {
          arrived_ = true;
          Entry* entry = item.entry;
          entry->ready_ns = std::max(ready_ns_, item.posted_ns);
          if (failure_.ok()) {
            rank_.engine.Arrive(entry);
          } else {
            rank_.engine.Drop(entry, failure_);
          }
        }
        return;
      case StreamItem::kRecord: {
        Completion* completion = item.completion;
        completion->Resolve(std::max(ready_ns_, item.posted_ns), failure_);
        completion->Unref();
        items_.pop_front();
        break;
      }
      case StreamItem::kWait:
        if (!StepWait(item)) {
          if (!watching_) item.completion->AddWaiter(this);
          watching_ = true;
          return;
        }
        watching_ = false;
        items_.pop_front();
        break;
    }
  }
}

void StreamState::FinishOperation(int64_t time_ns, const absl::Status& status) {
  ready_ns_ = std::max(ready_ns_, time_ns);
  if (failure_.ok()) failure_ = status;
  arrived_ = false;
  items_.pop_front();
  rank_.engine.Ready(this);
}

void StreamState::OnEvent(int64_t, uint64_t) {
  rank_.engine.Ready(this);
  rank_.engine.Pump();
}

void SimStream::Record(Event& event) {
  auto* const handle = dynamic_cast<SimEventHandle*>(&event);
  if (handle == nullptr) return RefuseEvent("Record");
  Completion* completion = state_.rank().completions.Take();
  state_.Record(completion);
  handle->Set(completion);
}

void SimStream::Wait(Event& event) {
  auto* const handle = dynamic_cast<SimEventHandle*>(&event);
  if (handle == nullptr) return RefuseEvent("Wait");
  if (handle->completion() != nullptr) state_.Wait(handle->completion());
}

// As behind an operation that failed.
void SimStream::RefuseEvent(absl::string_view call) {
  RankState& rank = state_.rank();
  Completion* failed = rank.completions.Take();
  failed->Resolve(rank.Caller().now_ns,
                  absl::InvalidArgumentError(absl::StrCat(
                      call, ": an event that is not of a simulated device")));
  state_.Wait(failed);
  failed->Unref();
}

}  // namespace parley::sim
