// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/fakes/fake_nccl.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "parley/tests/fakes/fake_nccl_call.h"

namespace parley::fakes {
namespace {

constexpr int kShrinkVersion = 22700;
constexpr unsigned int kConfigMagic = 0xcafebeef;

ncclResult_t GetVersion(int* version) {
  NcclCall call("ncclGetVersion");
  *version = call.machine().options().nccl_version;
  return ncclSuccess;
}

ncclResult_t GetUniqueId(ncclUniqueId* id) {
  NcclCall call("ncclGetUniqueId");
  const ncclResult_t result = call.CheckDevice();
  if (result != ncclSuccess) return result;
  *id = call.machine().cliques().NewUniqueId(call.device());
  return ncclSuccess;
}

const char* GetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
    case ncclUnhandledCudaError:
      return "unhandled cuda error (run with NCCL_DEBUG=INFO for details)";
    case ncclSystemError:
      return "unhandled system error (run with NCCL_DEBUG=INFO for details)";
    case ncclInternalError:
      return "internal error - please report this issue to the NCCL "
             "developers";
    case ncclInvalidArgument:
      return "invalid argument (run with NCCL_DEBUG=WARN for details)";
    case ncclInvalidUsage:
      return "invalid usage (run with NCCL_DEBUG=WARN for details)";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    case ncclInProgress:
      return "NCCL operation in progress";
    default:
      return "unknown result code";
  }
}

// The communicator's own, or what the calling thread was told last. The text
// lives until the next error of the same.
const char* GetLastError(ncclComm_t handle) {
  NcclCall call("ncclGetLastError");
  for (const auto& comm : call.device().comms) {
    if (reinterpret_cast<ncclComm_t>(comm.get()) == handle &&
        !comm->last_error.empty()) {
      return comm->last_error.c_str();
    }
  }
  return ThisNcclThread().last_error.c_str();
}

// Whether the new communicator is blocking; what a null `config` means is up to
// `inherited`. False if the config is none.
bool ReadConfig(NcclCall& call, const ncclConfig_t* config, bool inherited,
                bool* blocking) {
  *blocking = inherited;
  if (config == nullptr) return true;
  if (config->magic != kConfigMagic) {
    call.Refuse(ncclInvalidArgument,
                "a config that NCCL_CONFIG_INITIALIZER did not make");
    return false;
  }
  *blocking = config->blocking != 0;
  return true;
}

FakeComm& NewComm(NcclCall& call, bool blocking) {
  FakeDevice& device = call.device();
  const std::string name = device.NextName("comm");
  device.comms.push_back(std::make_unique<FakeComm>(
      device, name, blocking,
      call.machine().Draws(name, static_cast<uint64_t>(device.rank))));
  return *device.comms.back();
}

bool RefusedInGroup(NcclCall& call) {
  if (ThisNcclThread().depth == 0) return false;
  call.Refuse(ncclInvalidUsage, "inside a group");
  return true;
}

ncclResult_t CommInitRankConfig(ncclComm_t* made, int ranks, ncclUniqueId id,
                                int rank, ncclConfig_t* config) {
  NcclCall call("ncclCommInitRankConfig");
  const ncclResult_t result = call.CheckDevice();
  if (result != ncclSuccess) return result;
  if (RefusedInGroup(call)) return call.error();
  if (!call.HasDevice()) return ncclInvalidUsage;
  bool blocking = true;
  if (!ReadConfig(call, config, /*inherited=*/true, &blocking)) {
    return call.error();
  }
  if (ranks < 1 || rank < 0 || rank >= ranks) {
    return call.Refuse(ncclInvalidArgument,
                       absl::StrCat("rank ", rank, " of ", ranks));
  }
  FakeDevice& device = call.device();
  FakeComm& comm = NewComm(call, blocking);
  comm.rank = rank;
  comm.size = ranks;
  comm.handed_out = true;
  *made = reinterpret_cast<ncclComm_t>(&comm);
  Job& job = call.machine().cliques().NewJob(Job::kInit, comm);
  job.id = std::string(id.internal, sizeof(id.internal));
  const auto strikes = [&](FaultKind kind) {
    return call.machine().Strikes(kind, device.rank, device.inits,
                                  call.now_ns());
  };
  job.hangs = strikes(FaultKind::kInitHangs) != nullptr;
  if (const FakeFault* fault = strikes(FaultKind::kInitFails)) {
    job.failure = fault->error;
  }
  ++device.inits;
  call.machine().scheduler().Post(*call.thread(), &job, Job::kPosted);
  return call.Settle(comm);
}

// Posts a job that makes a communicator from `comm`, and waits for it if that
// is a blocking one. The handle is stored when all is done, not before.
ncclResult_t MakeFrom(NcclCall& call, FakeComm& comm, Job& job,
                      ncclComm_t* made, bool member, bool blocking) {
  job.made = made;
  if (member) job.child = &NewComm(call, blocking);
  *made = nullptr;
  comm.state = ncclInProgress;
  call.machine().scheduler().Post(*call.thread(), &job, Job::kPosted);
  return call.Settle(comm);
}

ncclResult_t CommSplit(ncclComm_t handle, int color, int key, ncclComm_t* made,
                       ncclConfig_t* config) {
  NcclCall call("ncclCommSplit");
  FakeComm* comm = call.FindReady(handle);
  if (comm == nullptr) return call.error();
  if (RefusedInGroup(call)) return call.error();
  bool blocking = comm->blocking;
  if (!ReadConfig(call, config, comm->blocking, &blocking)) {
    return call.error();
  }
  if (color < 0 && color != NCCL_SPLIT_NOCOLOR) {
    return call.Refuse(ncclInvalidArgument, absl::StrCat("color ", color));
  }
  if (!comm->in_flight.empty()) {
    call.Diagnose(absl::StrCat(comm->name, " has operations in flight: ",
                               comm->in_flight.front()->name()));
  }
  Job& job = call.machine().cliques().NewJob(Job::kSplit, *comm);
  job.color = color;
  job.key = key;
  return MakeFrom(call, *comm, job, made, color != NCCL_SPLIT_NOCOLOR,
                  blocking);
}

ncclResult_t CommShrink(ncclComm_t handle, int* excluded, int num_excluded,
                        ncclComm_t* made, ncclConfig_t* config, int flags) {
  NcclCall call("ncclCommShrink");
  const bool abort = flags == NCCL_SHRINK_ABORT;
  FakeComm* comm = abort ? call.Find(handle) : call.FindReady(handle);
  if (comm == nullptr) return call.error();
  if (RefusedInGroup(call)) return call.error();
  bool blocking = comm->blocking;
  if (!ReadConfig(call, config, comm->blocking, &blocking)) {
    return call.error();
  }
  std::vector<int> ranks(excluded, excluded + num_excluded);
  std::sort(ranks.begin(), ranks.end());
  const bool valid =
      comm->clique != nullptr && !ranks.empty() && ranks.front() >= 0 &&
      ranks.back() < comm->size &&
      std::adjacent_find(ranks.begin(), ranks.end()) == ranks.end() &&
      !std::binary_search(ranks.begin(), ranks.end(), comm->rank);
  if (!valid) {
    return call.Refuse(
        ncclInvalidArgument,
        absl::StrCat("a list of ", num_excluded, " ranks that rank ",
                     comm->rank, " cannot exclude"));
  }
  if (!abort && !comm->in_flight.empty()) {
    call.Diagnose(absl::StrCat(comm->name, " has operations in flight: ",
                               comm->in_flight.front()->name()));
  }
  if (abort) comm->revoked = true;
  Job& job = call.machine().cliques().NewJob(Job::kShrink, *comm);
  job.excluded = std::move(ranks);
  job.key = comm->rank;
  return MakeFrom(call, *comm, job, made, /*member=*/true, blocking);
}

ncclResult_t CommFinalize(ncclComm_t handle) {
  NcclCall call("ncclCommFinalize");
  FakeComm* comm = call.FindReady(handle);
  if (comm == nullptr) return call.error();
  if (RefusedInGroup(call)) return call.error();
  comm->finalize_called = true;
  comm->state = ncclInProgress;
  Job& job = call.machine().cliques().NewJob(Job::kFinalize, *comm);
  call.machine().scheduler().Post(*call.thread(), &job, Job::kPosted);
  return call.Settle(*comm);
}

// Without a finalize before it, it is one, and blocks until the others come.
ncclResult_t CommDestroy(ncclComm_t handle) {
  NcclCall call("ncclCommDestroy");
  if (handle == nullptr) return ncclSuccess;
  FakeComm* comm = call.Find(handle);
  if (comm == nullptr) return call.error();
  if (RefusedInGroup(call)) return call.error();
  if (comm->failed()) {
    return call.Refuse(
        comm->state, absl::StrCat(comm->name, " has failed (", comm->last_error,
                                  "): only CommAbort ends it"));
  }
  if (comm->state == ncclInProgress) {
    return call.Refuse(ncclInvalidArgument,
                       absl::StrCat(comm->name, " is still in progress"));
  }
  if (!comm->finalized && !comm->revoked) {
    comm->finalize_called = true;
    Job& job = call.machine().cliques().NewJob(Job::kFinalize, *comm);
    call.machine().scheduler().Post(*call.thread(), &job, Job::kPosted);
    call.WaitUntil([comm] { return comm->finalized || comm->device.dead; },
                   call.name());
    if (!comm->finalized) return ncclInternalError;
  }
  comm->gone = true;
  return ncclSuccess;
}

ncclResult_t CommAbort(ncclComm_t handle) {
  NcclCall call("ncclCommAbort");
  if (handle == nullptr) return ncclSuccess;
  FakeComm* comm = call.Find(handle);
  if (comm == nullptr) return call.error();
  NcclThread& group = ThisNcclThread();
  if (group.depth == 0) return call.Abort({comm});
  group.aborts.push_back(comm);
  return ncclSuccess;
}

ncclResult_t CommGetAsyncError(ncclComm_t handle, ncclResult_t* error) {
  NcclCall call("ncclCommGetAsyncError");
  const FakeComm* comm = call.Find(handle);
  if (comm == nullptr) return call.error();
  if (!call.CountQuery(comm->state == ncclInProgress)) {
    return ncclUnhandledCudaError;
  }
  *error = comm->state;
  return ncclSuccess;
}

ncclResult_t CommCount(ncclComm_t handle, int* ranks) {
  NcclCall call("ncclCommCount");
  const FakeComm* comm = call.FindReady(handle);
  if (comm == nullptr) return call.error();
  *ranks = comm->size;
  return ncclSuccess;
}

ncclResult_t GroupStart() {
  ++ThisNcclThread().depth;
  return ncclSuccess;
}

ncclResult_t GroupEnd() {
  NcclCall call("ncclGroupEnd");
  NcclThread& group = ThisNcclThread();
  if (group.depth == 0) {
    return call.Refuse(ncclInvalidUsage, "without ncclGroupStart");
  }
  if (--group.depth > 0) return ncclSuccess;
  const std::vector<FakeComm*> aborts = std::exchange(group.aborts, {});
  if (!aborts.empty() && !group.ops.empty()) {
    group.ops.clear();
    return call.Refuse(ncclInvalidUsage, "operations and aborts in one group");
  }
  if (!aborts.empty()) return call.Abort(aborts);
  return call.LaunchGroup();
}

Op MakeOp(OpKind kind, const void* from, void* to, size_t count,
          ncclDataType_t type) {
  Op op;
  op.kind = kind;
  op.from = from;
  op.to = to;
  op.count = static_cast<int64_t>(count);
  op.type = type;
  return op;
}

ncclResult_t Send(const void* from, size_t count, ncclDataType_t type, int peer,
                  ncclComm_t comm, cudaStream_t stream) {
  NcclCall call("ncclSend");
  Op op = MakeOp(OpKind::kSend, from, nullptr, count, type);
  op.peer = peer;
  return call.AddOp(op, comm, stream);
}

ncclResult_t Recv(void* to, size_t count, ncclDataType_t type, int peer,
                  ncclComm_t comm, cudaStream_t stream) {
  NcclCall call("ncclRecv");
  Op op = MakeOp(OpKind::kRecv, nullptr, to, count, type);
  op.peer = peer;
  return call.AddOp(op, comm, stream);
}

ncclResult_t AllGather(const void* from, void* to, size_t count,
                       ncclDataType_t type, ncclComm_t comm,
                       cudaStream_t stream) {
  NcclCall call("ncclAllGather");
  return call.AddOp(MakeOp(OpKind::kAllGather, from, to, count, type), comm,
                    stream);
}

ncclResult_t AllReduce(const void* from, void* to, size_t count,
                       ncclDataType_t type, ncclRedOp_t operation,
                       ncclComm_t comm, cudaStream_t stream) {
  NcclCall call("ncclAllReduce");
  Op op = MakeOp(OpKind::kAllReduce, from, to, count, type);
  op.op = operation;
  return call.AddOp(op, comm, stream);
}

ncclResult_t Broadcast(const void* from, void* to, size_t count,
                       ncclDataType_t type, int root, ncclComm_t comm,
                       cudaStream_t stream) {
  NcclCall call("ncclBroadcast");
  Op op = MakeOp(OpKind::kBroadcast, from, to, count, type);
  op.peer = root;
  return call.AddOp(op, comm, stream);
}

}  // namespace

NcclApi FakeNcclApi(int version) {
  NcclApi api = {};
  api.GetVersion = GetVersion;
  api.GetUniqueId = GetUniqueId;
  api.GetErrorString = GetErrorString;
  api.GetLastError = GetLastError;
  api.CommInitRankConfig = CommInitRankConfig;
  api.CommSplit = CommSplit;
  if (version >= kShrinkVersion) api.CommShrink = CommShrink;
  api.CommFinalize = CommFinalize;
  api.CommDestroy = CommDestroy;
  api.CommAbort = CommAbort;
  api.CommGetAsyncError = CommGetAsyncError;
  api.CommCount = CommCount;
  api.GroupStart = GroupStart;
  api.GroupEnd = GroupEnd;
  api.Send = Send;
  api.Recv = Recv;
  api.AllGather = AllGather;
  api.AllReduce = AllReduce;
  api.Broadcast = Broadcast;
  return api;
}

}  // namespace parley::fakes
