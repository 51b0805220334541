// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/nccl/abort.h"

#include <utility>

#include "parley/base/mutex.h"
#include "parley/device/cuda/scoped_device.h"

namespace parley::nccl {
namespace {

// The first version in which ncclCommAbort may stand in a group.
constexpr int kGroupedAbort = NCCL_VERSION(2, 22, 0);

struct Quarantined {
  Mutex mutex;
  std::vector<std::shared_ptr<void>> objects ABSL_GUARDED_BY(mutex);
  std::vector<std::function<void()>> joins ABSL_GUARDED_BY(mutex);
};

// Reachable for ever, so that no checker takes what it holds for a leak.
Quarantined& TheQuarantine() {
  static auto* const quarantined = new Quarantined;
  return *quarantined;
}

}  // namespace

std::shared_ptr<AbortTask> AbortTask::Start(const Options& options,
                                            std::vector<ncclComm_t> comms) {
  std::shared_ptr<AbortTask> task(new AbortTask(options, std::move(comms)));
  // The thread holds the task: it may outlive everybody else.
  task->thread_ =
      options.clock.StartThread("nccl abort", [task] { task->Run(); });
  return task;
}

void AbortTask::Run() {
  BecomeBackgroundThread(options_.cuda, options_.device_index);
  const bool grouped =
      comms_.size() > 1 && options_.nccl_version >= kGroupedAbort;
  // An abort that fails leaves nothing more that could be done.
  if (grouped) options_.nccl.GroupStart();
  for (ncclComm_t comm : comms_) options_.nccl.CommAbort(comm);
  if (grouped) options_.nccl.GroupEnd();
  done_ns_ = options_.clock.NowNs();
  options_.clock.Wake();
}

bool AbortTask::Wait(int64_t deadline_ns) {
  if (!options_.clock.WaitUntil([this] { return done_ns_ != kNever; },
                                deadline_ns)) {
    return false;
  }
  thread_->Join();
  return true;
}

void Quarantine(std::shared_ptr<void> object, std::function<void()> join) {
  Quarantined& quarantined = TheQuarantine();
  MutexLock lock(&quarantined.mutex);
  quarantined.objects.push_back(std::move(object));
  if (join != nullptr) quarantined.joins.push_back(std::move(join));
}

int JoinQuarantinedThreads() {
  std::vector<std::function<void()>> joins;
  Quarantined& quarantined = TheQuarantine();
  {
    MutexLock lock(&quarantined.mutex);
    joins.swap(quarantined.joins);
  }
  for (const auto& join : joins) join();
  return static_cast<int>(joins.size());
}

}  // namespace parley::nccl
