// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Small tables of CUDA and NCCL for tests of lifetimes and errors: nothing is
// computed or sent, every operation succeeds at once, and a test says which
// shall not. What several ranks exchange is tested over tests/fakes.
//
//   TestMachine machine;          // one at a time
//   machine.init_result = ncclSystemError;
//   ... machine.nccl(), machine.cuda() ...
//   EXPECT_EQ(machine.Count("ncclCommAbort"), 1);
//
// Thread-safety: thread-safe. Members are set before use or are atomic.
#ifndef PARLEY_COMM_NCCL_TABLES_FOR_TESTS_H_
#define PARLEY_COMM_NCCL_TABLES_FOR_TESTS_H_

#include <nccl.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "parley/base/mutex.h"
#include "parley/comm/nccl/nccl_api.h"
#include "parley/comm/store/store.h"
#include "parley/device/cuda/cuda_api.h"
#include "parley/device/cuda/cuda_kernels.h"

namespace parley::testing {

struct TestStream;
struct TestEvent;
struct TestComm;

class TestMachine {
 public:
  TestMachine();
  TestMachine(const TestMachine&) = delete;
  TestMachine& operator=(const TestMachine&) = delete;
  ~TestMachine();
  static TestMachine& Get();

  const CudaApi& cuda() const { return cuda_; }
  NcclApi& nccl() { return nccl_; }
  const CudaKernels& kernels() const { return kernels_; }

  // What goes wrong.
  std::atomic<int> version{22809};
  std::atomic<ncclResult_t> init_result{ncclSuccess};
  std::atomic<bool> init_hangs{false};       // it stays in progress
  std::atomic<bool> operations_hang{false};  // until the abort
  std::atomic<bool> stream_is_busy{false};   // events recorded now
  std::atomic<bool> abort_hangs{false};      // until Release()
  std::atomic<bool> group_end_hangs{false};  // until Release()
  std::atomic<bool> finalize_hangs{false};   // it stays in progress
  std::atomic<ncclResult_t> send_result{ncclSuccess};
  std::atomic<ncclResult_t> async_error{ncclSuccess};
  std::atomic<int> count_is{-1};  // what ncclCommCount tells, -1 for the truth

  // Lets calls that hang return.
  void Release() { released_ = true; }
  bool released() const { return released_; }

  // The calls so far, by name; and the threads that made those that only the
  // owner may make.
  int Count(absl::string_view name) ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<std::string> Calls() ABSL_LOCKS_EXCLUDED(mutex_);
  size_t OwnerThreads() ABSL_LOCKS_EXCLUDED(mutex_);
  void Log(const char* name, bool owners) ABSL_LOCKS_EXCLUDED(mutex_);

  // Events recorded on hanging streams become complete.
  std::atomic<int> generation{0};

  TestStream* NewStream() ABSL_LOCKS_EXCLUDED(mutex_);
  TestEvent* NewEvent() ABSL_LOCKS_EXCLUDED(mutex_);
  TestComm* NewComm(int size) ABSL_LOCKS_EXCLUDED(mutex_);

  // Memory that nobody gives back, as after an abort that hangs, goes with the
  // machine.
  void* NewMemory(size_t bytes) ABSL_LOCKS_EXCLUDED(mutex_);
  void FreeMemory(void* memory) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  CudaApi cuda_ = {};
  NcclApi nccl_ = {};
  CudaKernels kernels_ = {};
  std::atomic<bool> released_{false};
  Mutex mutex_;
  std::vector<std::string> calls_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread::id> threads_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<TestStream>> streams_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<TestEvent>> events_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<TestComm>> comms_ ABSL_GUARDED_BY(mutex_);
  std::map<void*, std::unique_ptr<uint64_t[]>> memory_ ABSL_GUARDED_BY(mutex_);
};

// A store in which everything is there, or never will be.
class MapStore : public Store {
 public:
  absl::Status Set(absl::string_view key, absl::string_view value) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::string> Get(absl::string_view key,
                                  absl::Duration timeout) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<std::string> Keys() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Mutex mutex_;
  std::map<std::string, std::string> values_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace parley::testing

#endif  // PARLEY_COMM_NCCL_TABLES_FOR_TESTS_H_
