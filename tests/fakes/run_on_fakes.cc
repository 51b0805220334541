// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/fakes/run_on_fakes.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "parley/tests/fakes/fake_cuda.h"

namespace parley::fakes {
namespace {

template <typename T>
bool Forget(std::vector<T>& list, T handle) {
  const auto it = std::find(list.begin(), list.end(), handle);
  if (it == list.end()) return false;
  list.erase(it);
  return true;
}

}  // namespace

FakeReport RunAtAllWidths(const sim::WorldOptions& world,
                          const FakeOptions& options,
                          const std::function<absl::Status(FakeRank&)>& body) {
  sim::WorldOptions narrow = world;
  narrow.max_parallel = 1;
  const FakeReport first = RunOnFakes(narrow, options, body);
  FakeReport last;
  for (const int width : {2, 0}) {
    sim::WorldOptions wide = world;
    wide.max_parallel = width;
    last = RunOnFakes(wide, options, body);
    EXPECT_EQ(first.trace_hash, last.trace_hash)
        << "with one thread at a time " << first << "and with " << width
        << " (0: all) " << last;
    EXPECT_EQ(first.diagnoses, last.diagnoses);
  }
  return last;
}

GpuUser::~GpuUser() {
  for (cudaEvent_t event : events_) cuda_.EventDestroy(event);
  for (cudaStream_t stream : streams_) cuda_.StreamDestroy(stream);
  for (void* memory : memory_) cuda_.Free(memory);
  for (void* memory : pinned_) cuda_.FreeHost(memory);
}

void GpuUser::Require(cudaError_t error, const char* what) {
  if (error == cudaSuccess || error_ != cudaSuccess) return;
  error_ = error;
  // Of a device that a scripted fault has taken nothing else is expected.
  EXPECT_EQ(error, cudaErrorDevicesUnavailable) << what;
}

cudaStream_t GpuUser::Stream() {
  cudaStream_t stream = nullptr;
  Require(cuda_.StreamCreateWithFlags(&stream, cudaStreamNonBlocking),
          "StreamCreateWithFlags");
  if (stream != nullptr) streams_.push_back(stream);
  return stream;
}

cudaEvent_t GpuUser::Event() {
  cudaEvent_t event = nullptr;
  Require(cuda_.EventCreateWithFlags(&event, cudaEventDisableTiming),
          "EventCreateWithFlags");
  if (event != nullptr) events_.push_back(event);
  return event;
}

void* GpuUser::Memory(size_t bytes) {
  void* memory = nullptr;
  Require(cuda_.Malloc(&memory, bytes), "Malloc");
  if (memory != nullptr) memory_.push_back(memory);
  return memory;
}

void* GpuUser::Pinned(size_t bytes) {
  void* memory = nullptr;
  Require(cuda_.HostAlloc(&memory, bytes, cudaHostAllocDefault), "HostAlloc");
  if (memory != nullptr) pinned_.push_back(memory);
  return memory;
}

void GpuUser::Destroy(cudaStream_t stream) {
  Forget(streams_, stream);
  Require(cuda_.StreamDestroy(stream), "StreamDestroy");
}

void GpuUser::Destroy(cudaEvent_t event) {
  Forget(events_, event);
  Require(cuda_.EventDestroy(event), "EventDestroy");
}

void GpuUser::Free(void* memory) {
  Forget(memory_, memory);
  Require(cuda_.Free(memory), "Free");
}

void GpuUser::FreePinned(void* memory) {
  Forget(pinned_, memory);
  Require(cuda_.FreeHost(memory), "FreeHost");
}

void GpuUser::Copy(void* to, const void* from, size_t bytes,
                   cudaStream_t stream) {
  Require(cuda_.MemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream),
          "MemcpyAsync");
}

void GpuUser::Add(int* data, int64_t count, int amount, cudaStream_t stream) {
  Require(EnqueueKernel("Add", stream,
                        {{data, count * static_cast<int64_t>(sizeof(int))}},
                        [data, count, amount] {
                          for (int64_t i = 0; i < count; ++i) data[i] += amount;
                        }),
          "Add");
}

bool GpuUser::Wait(cudaStream_t stream) {
  for (;;) {
    const cudaError_t error = cuda_.StreamQuery(stream);
    if (error == cudaSuccess) return true;
    cuda_.GetLastError();
    if (error != cudaErrorNotReady) {
      if (error_ == cudaSuccess) error_ = error;
      return false;
    }
    Sleep(absl::Microseconds(5));
  }
}

void GpuUser::Sleep(absl::Duration duration) {
  Clock& clock = rank_.clock();
  const int64_t until =
      DeadlineAfter(clock.NowNs(), absl::ToInt64Nanoseconds(duration));
  clock.WaitUntil([] { return false; }, until);
}

ncclResult_t GpuUser::Init(const std::string& name, bool blocking,
                           ncclComm_t* comm) {
  ncclUniqueId id;
  if (rank_.rank() == 0) {
    EXPECT_EQ(rank_.nccl.GetUniqueId(&id), ncclSuccess);
    EXPECT_TRUE(
        rank_.store.Set(name, std::string(id.internal, sizeof(id.internal)))
            .ok());
  }
  const absl::StatusOr<std::string> value =
      rank_.store.Get(name, absl::Seconds(10));
  EXPECT_TRUE(value.ok()) << value.status();
  if (!value.ok()) return ncclSystemError;
  std::memcpy(id.internal, value->data(), sizeof(id.internal));
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = blocking ? 1 : 0;
  return rank_.nccl.CommInitRankConfig(comm, rank_.size(), id, rank_.rank(),
                                       &config);
}

ncclComm_t GpuUser::Comm(bool blocking) {
  ncclComm_t comm = nullptr;
  const ncclResult_t returned =
      Init(absl::StrCat("comm ", ++comms_), blocking, &comm);
  if (comm != nullptr) Ready(comm, returned);
  return comm;
}

ncclResult_t GpuUser::Settle(ncclComm_t comm, ncclResult_t returned) {
  while (returned == ncclInProgress) {
    Sleep(absl::Microseconds(5));
    ncclResult_t state = ncclSuccess;
    returned = rank_.nccl.CommGetAsyncError(comm, &state);
    if (returned == ncclSuccess) returned = state;
  }
  return returned;
}

void GpuUser::Ready(ncclComm_t comm, ncclResult_t returned) {
  const ncclResult_t ended = Settle(comm, returned);
  EXPECT_EQ(ended, ncclSuccess) << rank_.nccl.GetLastError(comm);
}

void GpuUser::Close(ncclComm_t comm) {
  Ready(comm, rank_.nccl.CommFinalize(comm));
  EXPECT_EQ(rank_.nccl.CommDestroy(comm), ncclSuccess);
}

}  // namespace parley::fakes
