// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// For tests over the fakes: a run that must not depend on threads, and a rank's
// raw use of CUDA and NCCL without the pages that it takes in C.
//
//   const FakeReport report = RunAtAllWidths(
//       {.ranks = 2}, {}, [](FakeRank& rank) -> absl::Status {
//         GpuUser gpu(rank);
//         cudaStream_t stream = gpu.Stream();
//         int* x = gpu.Device<int>({1, 2, 3}, stream);
//         ncclComm_t comm = gpu.Comm();
//         gpu.Ready(comm, rank.nccl.AllReduce(x, x, 3, ncclInt32, ncclSum,
//                                             comm, stream));
//         EXPECT_EQ(gpu.Read(x, 3, stream), std::vector<int>({2, 4, 6}));
//         gpu.Close(comm);
//         return absl::OkStatus();
//       });
//   EXPECT_TRUE(report.clean()) << report;
#ifndef PARLEY_TESTS_FAKES_RUN_ON_FAKES_H_
#define PARLEY_TESTS_FAKES_RUN_ON_FAKES_H_

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "parley/tests/fakes/fake_machine.h"

namespace parley::fakes {

// Runs the body with one thread at a time, with two and with all, and fails the
// test if the reports differ. Returns the last one.
FakeReport RunAtAllWidths(const sim::WorldOptions& world,
                          const FakeOptions& options,
                          const std::function<absl::Status(FakeRank&)>& body);

// A rank's use of the tables. What fails is a failure of the test, unless a
// scripted fault has taken the device.
class GpuUser {
 public:
  explicit GpuUser(FakeRank& rank) : rank_(rank), cuda_(rank.cuda) {}
  // Gives everything back that was made here and not given back.
  ~GpuUser();
  GpuUser(const GpuUser&) = delete;
  GpuUser& operator=(const GpuUser&) = delete;

  cudaStream_t Stream();
  cudaEvent_t Event();
  void* Memory(size_t bytes);
  void* Pinned(size_t bytes);
  void Destroy(cudaStream_t stream);
  void Destroy(cudaEvent_t event);
  void Free(void* memory);
  void FreePinned(void* memory);

  // Device memory with these values, once `stream` has got there.
  template <typename T>
  T* Device(const std::vector<T>& values, cudaStream_t stream) {
    const size_t bytes = values.size() * sizeof(T);
    auto* host = static_cast<T*>(Pinned(bytes));
    auto* device = static_cast<T*>(Memory(bytes));
    std::memcpy(host, values.data(), bytes);
    Copy(device, host, bytes, stream);
    return device;
  }

  // The values once `stream` has done what it has to do.
  template <typename T>
  std::vector<T> Read(const T* device, size_t count, cudaStream_t stream) {
    auto* host = static_cast<T*>(Pinned(count * sizeof(T)));
    Copy(host, device, count * sizeof(T), stream);
    Wait(stream);
    return std::vector<T>(host, host + count);
  }

  void Copy(void* to, const void* from, size_t bytes, cudaStream_t stream);

  // Enqueues a kernel that adds `amount` to `count` ints.
  void Add(int* data, int64_t count, int amount, cudaStream_t stream);

  // Polls until the stream is done; false, and the error kept, if it fails.
  bool Wait(cudaStream_t stream);
  cudaError_t error() const { return error_; }

  void Sleep(absl::Duration duration);

  // A communicator of all ranks; all must call it in the same order.
  ncclComm_t Comm(bool blocking = false);

  // Starts to make one, under a name for which rank 0 provides the id.
  ncclResult_t Init(const std::string& name, bool blocking, ncclComm_t* comm);

  // Polls until the communicator is no longer in progress, given what a call
  // has returned; returns how it ended.
  ncclResult_t Settle(ncclComm_t comm, ncclResult_t returned);

  // As Settle; anything but success is a failure of the test.
  void Ready(ncclComm_t comm, ncclResult_t returned);

  // CommFinalize and CommDestroy.
  void Close(ncclComm_t comm);

 private:
  void Require(cudaError_t error, const char* what);

  FakeRank& rank_;
  const CudaApi& cuda_;
  cudaError_t error_ = cudaSuccess;
  int comms_ = 0;
  std::vector<cudaStream_t> streams_;
  std::vector<cudaEvent_t> events_;
  std::vector<void*> memory_;
  std::vector<void*> pinned_;
};

}  // namespace parley::fakes

#endif  // PARLEY_TESTS_FAKES_RUN_ON_FAKES_H_
