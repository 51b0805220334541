// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// AbortTask: ncclCommAbort on a thread of its own, because it may never come
// back: behind a kernel that does not end it waits for the stream. Nobody waits
// for it longer than the abort timeout; then the thread is left alone [7].
//
//   std::shared_ptr<AbortTask> task = AbortTask::Start(settings, comms);
//   if (!task->Wait(deadline_ns)) Quarantine(task, [task] { task->Join(); });
//
// Thread-safety: Wait is for one thread; Quarantine is thread-safe.
#ifndef PARLEY_COMM_NCCL_ABORT_H_
#define PARLEY_COMM_NCCL_ABORT_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "parley/base/clock.h"
#include "parley/comm/nccl/nccl_api.h"
#include "parley/device/cuda/cuda_api.h"

namespace parley::nccl {

class AbortTask {
 public:
  struct Options {
    const NcclApi& nccl;
    const CudaApi& cuda;
    int device_index;
    int nccl_version;
    Clock& clock;
  };

  // Aborts all of `comms`, together where NCCL can do so (since 2.22): one
  // after the other, the first could wait for a kernel that waits for the
  // second.
  static std::shared_ptr<AbortTask> Start(const Options& options,
                                          std::vector<ncclComm_t> comms);

  // Whether all have been aborted by `deadline_ns`; then the thread has ended.
  bool Wait(int64_t deadline_ns);

  // Blocks until the thread has ended.
  void Join() { thread_->Join(); }

 private:
  AbortTask(const Options& options, std::vector<ncclComm_t> comms)
      : options_(options), comms_(std::move(comms)) {}
  void Run();

  const Options options_;
  const std::vector<ncclComm_t> comms_;
  std::unique_ptr<ClockThread> thread_;
  std::atomic<int64_t> done_ns_{kNever};
};

// Keeps `object` until the process ends: something that no code may touch any
// more, and whose memory a thread or a device may still use. `join` waits for
// that thread, if there is one.
void Quarantine(std::shared_ptr<void> object,
                std::function<void()> join = nullptr);

// For tests that let hanging calls go in the end: joins the threads, which
// sanitizers would report otherwise. Returns how many there were.
int JoinQuarantinedThreads();

}  // namespace parley::nccl

#endif  // PARLEY_COMM_NCCL_ABORT_H_
