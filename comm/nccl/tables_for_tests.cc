// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/nccl/tables_for_tests.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "parley/base/clock.h"

namespace parley::testing {

// A stream or an event hangs while the machine's generation is the one at which
// it began to.
struct TestStream {
  std::atomic<int> hangs_at{-1};
};
struct TestEvent {
  std::atomic<int> hangs_at{-1};
};
struct TestComm {
  int size = 0;
  std::atomic<ncclResult_t> state{ncclSuccess};
};

namespace {

TestMachine* machine = nullptr;

TestStream& Of(cudaStream_t stream) {
  return *reinterpret_cast<TestStream*>(stream);
}
TestEvent& Of(cudaEvent_t event) {
  return *reinterpret_cast<TestEvent*>(event);
}
TestComm& Of(ncclComm_t comm) { return *reinterpret_cast<TestComm*>(comm); }

void UntilReleased() {
  SteadyClock().WaitUntil([] { return machine->released(); }, kNever);
}

cudaError_t Query(const std::atomic<int>& hangs_at) {
  return hangs_at == machine->generation ? cudaErrorNotReady : cudaSuccess;
}

void FillMemory(CudaApi& cuda) {
  cuda.Malloc = [](void** memory, size_t bytes) {
    *memory = machine->NewMemory(bytes);
    return cudaSuccess;
  };
  cuda.Free = [](void* memory) {
    machine->FreeMemory(memory);
    return cudaSuccess;
  };
  cuda.HostAlloc = [](void** memory, size_t bytes, unsigned) {
    *memory = machine->NewMemory(bytes);
    return cudaSuccess;
  };
  cuda.FreeHost = cuda.Free;
  cuda.MemcpyAsync = [](void* to, const void* from, size_t bytes,
                        cudaMemcpyKind, cudaStream_t) {
    std::memcpy(to, from, bytes);
    return cudaSuccess;
  };
  cuda.MemsetAsync = [](void* memory, int value, size_t bytes, cudaStream_t) {
    std::memset(memory, value, bytes);
    return cudaSuccess;
  };
}

void FillStreams(CudaApi& cuda) {
  cuda.StreamCreateWithFlags = [](cudaStream_t* stream, unsigned) {
    *stream = reinterpret_cast<cudaStream_t>(machine->NewStream());
    return cudaSuccess;
  };
  cuda.StreamDestroy = [](cudaStream_t) { return cudaSuccess; };
  cuda.StreamQuery = [](cudaStream_t stream) {
    return Query(Of(stream).hangs_at);
  };
  cuda.StreamWaitEvent = [](cudaStream_t, cudaEvent_t, unsigned) {
    machine->Log("cudaStreamWaitEvent", false);
    return cudaSuccess;
  };
  cuda.EventCreateWithFlags = [](cudaEvent_t* event, unsigned) {
    machine->Log("cudaEventCreate", false);
    *event = reinterpret_cast<cudaEvent_t>(machine->NewEvent());
    return cudaSuccess;
  };
  cuda.EventDestroy = [](cudaEvent_t) { return cudaSuccess; };
  cuda.EventRecord = [](cudaEvent_t event, cudaStream_t stream) {
    if (machine->stream_is_busy) {
      Of(stream).hangs_at = machine->generation.load();
    }
    Of(event).hangs_at = Of(stream).hangs_at.load();
    return cudaSuccess;
  };
  cuda.EventQuery = [](cudaEvent_t event) { return Query(Of(event).hangs_at); };
  cuda.StreamIsCapturing = [](cudaStream_t, cudaStreamCaptureStatus* status) {
    *status = cudaStreamCaptureStatusNone;
    return cudaSuccess;
  };
  cuda.ThreadExchangeStreamCaptureMode = [](cudaStreamCaptureMode*) {
    return cudaSuccess;
  };
}

void FillCuda(CudaApi& cuda) {
  cuda.GetDeviceCount = [](int* count) {
    *count = 1;
    return cudaSuccess;
  };
  cuda.SetDevice = [](int) { return cudaSuccess; };
  cuda.GetDevice = [](int* device) {
    *device = 0;
    return cudaSuccess;
  };
  cuda.DeviceGetAttribute = [](int* value, cudaDeviceAttr, int) {
    *value = 9;
    return cudaSuccess;
  };
  cuda.GetLastError = [] { return cudaSuccess; };
  cuda.GetErrorName = [](cudaError_t) { return "cudaError"; };
  cuda.GetErrorString = [](cudaError_t) { return "an error"; };
  FillMemory(cuda);
  FillStreams(cuda);
}

ncclResult_t Enqueued(const char* name, cudaStream_t stream) {
  machine->Log(name, true);
  if (machine->operations_hang) {
    Of(stream).hangs_at = machine->generation.load();
  }
  return ncclSuccess;
}

ncclResult_t Make(ncclComm_t* comm, int size) {
  *comm = reinterpret_cast<ncclComm_t>(machine->NewComm(size));
  if (machine->init_hangs) Of(*comm).state = ncclInProgress;
  return ncclInProgress;
}

void FillMaking(NcclApi& nccl) {
  nccl.GetVersion = [](int* version) {
    *version = machine->version;
    return ncclSuccess;
  };
  nccl.GetUniqueId = [](ncclUniqueId* id) {
    machine->Log("ncclGetUniqueId", true);
    std::memset(id->internal, ' ', sizeof(id->internal));
    return ncclSuccess;
  };
  nccl.GetErrorString = [](ncclResult_t) { return "the result's text"; };
  nccl.GetLastError = [](ncclComm_t) { return "the library's own words"; };
  nccl.CommInitRankConfig = [](ncclComm_t* comm, int ranks, ncclUniqueId, int,
                               ncclConfig_t* config) {
    machine->Log(config->blocking == 0 ? "ncclCommInitRankConfig"
                                       : "a blocking communicator",
                 true);
    if (machine->init_result != ncclSuccess) return machine->init_result.load();
    return Make(comm, ranks);
  };
  nccl.CommSplit = [](ncclComm_t comm, int color, int, ncclComm_t* made,
                      ncclConfig_t*) {
    machine->Log("ncclCommSplit", true);
    if (color == NCCL_SPLIT_NOCOLOR) return ncclSuccess;
    return Make(made, Of(comm).size);
  };
  nccl.CommShrink = [](ncclComm_t comm, int*, int excluded, ncclComm_t* made,
                       ncclConfig_t*, int flags) {
    machine->Log(
        flags == NCCL_SHRINK_ABORT ? "ncclCommShrink, abort" : "ncclCommShrink",
        true);
    if (flags == NCCL_SHRINK_ABORT) ++machine->generation;
    return Make(made, Of(comm).size - excluded);
  };
}

void FillEnding(NcclApi& nccl) {
  nccl.CommFinalize = [](ncclComm_t comm) {
    machine->Log("ncclCommFinalize", true);
    if (machine->finalize_hangs) Of(comm).state = ncclInProgress;
    return ncclInProgress;
  };
  nccl.CommDestroy = [](ncclComm_t) {
    machine->Log("ncclCommDestroy", true);
    return ncclSuccess;
  };
  nccl.CommAbort = [](ncclComm_t) {
    machine->Log("ncclCommAbort", false);
    if (machine->abort_hangs) UntilReleased();
    ++machine->generation;
    return ncclSuccess;
  };
  nccl.CommGetAsyncError = [](ncclComm_t comm, ncclResult_t* error) {
    *error = machine->async_error != ncclSuccess ? machine->async_error.load()
                                                 : Of(comm).state.load();
    return ncclSuccess;
  };
  nccl.CommCount = [](ncclComm_t comm, int* ranks) {
    *ranks = machine->count_is >= 0 ? machine->count_is.load() : Of(comm).size;
    return ncclSuccess;
  };
}

void FillOperations(NcclApi& nccl) {
  nccl.GroupStart = [] {
    machine->Log("ncclGroupStart", true);
    return ncclSuccess;
  };
  nccl.GroupEnd = [] {
    machine->Log("ncclGroupEnd", true);
    if (machine->group_end_hangs) UntilReleased();
    return ncclInProgress;
  };
  nccl.Send = [](const void*, size_t, ncclDataType_t, int, ncclComm_t,
                 cudaStream_t stream) {
    if (machine->send_result != ncclSuccess) return machine->send_result.load();
    return Enqueued("ncclSend", stream);
  };
  nccl.Recv = [](void*, size_t, ncclDataType_t, int, ncclComm_t,
                 cudaStream_t stream) { return Enqueued("ncclRecv", stream); };
  nccl.AllGather = [](const void*, void*, size_t, ncclDataType_t, ncclComm_t,
                      cudaStream_t stream) {
    return Enqueued("ncclAllGather", stream);
  };
  nccl.AllReduce = [](const void*, void*, size_t, ncclDataType_t, ncclRedOp_t,
                      ncclComm_t, cudaStream_t stream) {
    return Enqueued("ncclAllReduce", stream);
  };
  nccl.Broadcast = [](const void*, void*, size_t, ncclDataType_t, int,
                      ncclComm_t, cudaStream_t stream) {
    return Enqueued("ncclBroadcast", stream);
  };
}

}  // namespace

TestMachine::TestMachine() {
  machine = this;
  FillCuda(cuda_);
  FillMaking(nccl_);
  FillEnding(nccl_);
  FillOperations(nccl_);
  kernels_.LoadAll = [] { return cudaSuccess; };
}

TestMachine::~TestMachine() { machine = nullptr; }

TestMachine& TestMachine::Get() { return *machine; }

void TestMachine::Log(const char* name, bool owners) {
  MutexLock lock(&mutex_);
  calls_.emplace_back(name);
  if (owners) threads_.push_back(std::this_thread::get_id());
}

int TestMachine::Count(absl::string_view name) {
  MutexLock lock(&mutex_);
  return static_cast<int>(std::count(calls_.begin(), calls_.end(), name));
}

std::vector<std::string> TestMachine::Calls() {
  MutexLock lock(&mutex_);
  return calls_;
}

size_t TestMachine::OwnerThreads() {
  MutexLock lock(&mutex_);
  std::vector<std::thread::id> different = threads_;
  std::sort(different.begin(), different.end());
  return static_cast<size_t>(std::unique(different.begin(), different.end()) -
                             different.begin());
}

TestStream* TestMachine::NewStream() {
  MutexLock lock(&mutex_);
  streams_.push_back(std::make_unique<TestStream>());
  return streams_.back().get();
}

TestEvent* TestMachine::NewEvent() {
  MutexLock lock(&mutex_);
  events_.push_back(std::make_unique<TestEvent>());
  return events_.back().get();
}

void* TestMachine::NewMemory(size_t bytes) {
  auto words = std::make_unique<uint64_t[]>((bytes + 7) / 8);
  void* const memory = words.get();
  MutexLock lock(&mutex_);
  memory_[memory] = std::move(words);
  return memory;
}

void TestMachine::FreeMemory(void* memory) {
  MutexLock lock(&mutex_);
  memory_.erase(memory);
}

TestComm* TestMachine::NewComm(int size) {
  MutexLock lock(&mutex_);
  comms_.push_back(std::make_unique<TestComm>());
  comms_.back()->size = size;
  return comms_.back().get();
}

absl::Status MapStore::Set(absl::string_view key, absl::string_view value) {
  {
    MutexLock lock(&mutex_);
    values_[std::string(key)] = std::string(value);
  }
  SteadyClock().Wake();
  return absl::OkStatus();
}

absl::StatusOr<std::string> MapStore::Get(absl::string_view key,
                                          absl::Duration timeout) {
  const std::string name(key);
  const auto find = [&] {
    MutexLock lock(&mutex_);
    return values_.count(name) != 0;
  };
  Clock& clock = SteadyClock();
  if (!clock.WaitUntil(
          find,
          DeadlineAfter(clock.NowNs(), absl::ToInt64Nanoseconds(timeout)))) {
    return absl::DeadlineExceededError(absl::StrCat("no ", name));
  }
  MutexLock lock(&mutex_);
  return values_[name];
}

std::vector<std::string> MapStore::Keys() {
  MutexLock lock(&mutex_);
  std::vector<std::string> keys;
  for (const auto& [key, value] : values_) keys.push_back(key);
  return keys;
}

}  // namespace parley::testing
