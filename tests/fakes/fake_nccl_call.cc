// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/fakes/fake_nccl_call.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/tests/fakes/fake_collectives.h"

namespace parley::fakes {

NcclThread& ThisNcclThread() {
  static thread_local NcclThread state;
  return state;
}

ncclResult_t NcclCall::CheckDevice() {
  if (device().dead || device().stalled) return ncclUnhandledCudaError;
  return HasThread() ? ncclSuccess : ncclInvalidUsage;
}

ncclResult_t NcclCall::Refuse(ncclResult_t error, const std::string& text) {
  Diagnose(text);
  ThisNcclThread().last_error = text;
  error_ = error;
  return error;
}

FakeComm* NcclCall::Find(ncclComm_t handle) {
  error_ = CheckDevice();
  if (error_ != ncclSuccess) return nullptr;
  for (int rank = 0; rank < machine().size(); ++rank) {
    for (const auto& comm : machine().device(rank).comms) {
      if (reinterpret_cast<ncclComm_t>(comm.get()) != handle) continue;
      if (&comm->device != &device()) {
        Refuse(ncclInvalidArgument,
               absl::StrCat(comm->name, " of rank ", rank));
        return nullptr;
      }
      if (comm->gone) {
        Refuse(ncclInvalidArgument,
               absl::StrCat(comm->name, ", which was destroyed or aborted"));
        return nullptr;
      }
      return comm.get();
    }
  }
  Refuse(ncclInvalidArgument, "a handle that is no communicator");
  return nullptr;
}

FakeComm* NcclCall::FindReady(ncclComm_t handle) {
  FakeComm* comm = Find(handle);
  if (comm == nullptr) return nullptr;
  if (comm->state == ncclInProgress) {
    Refuse(ncclInvalidArgument,
           absl::StrCat(comm->name,
                        " is used before its last call has succeeded (poll "
                        "CommGetAsyncError first)"));
    return nullptr;
  }
  if (comm->failed()) {
    error_ = comm->state;
    return nullptr;
  }
  if (comm->finalize_called || comm->revoked) {
    Refuse(ncclInvalidUsage,
           absl::StrCat(
               comm->name, " is used after ",
               comm->revoked ? "a shrink that aborted it" : "CommFinalize"));
    return nullptr;
  }
  return comm;
}

ncclResult_t NcclCall::Settle(FakeComm& comm) {
  if (!comm.blocking) return comm.state;
  WaitUntil(
      [&comm] { return comm.state != ncclInProgress || comm.device.dead; },
      name());
  if (comm.device.dead) return ncclUnhandledCudaError;
  return comm.state == ncclInProgress ? ncclInternalError : comm.state;
}

FakeStream* NcclCall::FindStream(cudaStream_t handle) {
  for (const auto& stream : device().streams) {
    if (reinterpret_cast<cudaStream_t>(stream.get()) != handle) continue;
    if (!stream->destroyed()) return stream.get();
    Refuse(ncclInvalidArgument,
           absl::StrCat(stream->name(), ", which was destroyed"));
    return nullptr;
  }
  Refuse(ncclInvalidArgument, "a handle that is no stream of this rank");
  return nullptr;
}

ncclResult_t NcclCall::CheckOp(const Op& op) {
  const FakeComm& comm = *op.comm;
  if (BytesOf(op.type) == 0 || op.count < 0) {
    return Refuse(ncclInvalidArgument, op.ToString());
  }
  if (op.kind == OpKind::kAllReduce && !CanReduce(op.type, op.op)) {
    return Refuse(ncclInvalidArgument, op.ToString());
  }
  const bool has_peer =
      op.kind != OpKind::kAllGather && op.kind != OpKind::kAllReduce;
  if (has_peer && (op.peer < 0 || op.peer >= comm.size)) {
    return Refuse(
        ncclInvalidArgument,
        absl::StrCat(op.ToString(), " on a communicator of ", comm.size));
  }
  for (const Access& access : {op.Input(), op.Output()}) {
    const std::string problem = device().memory.Problem(access);
    if (problem.empty()) continue;
    return Refuse(ncclInvalidArgument,
                  absl::StrCat(op.ToString(), " is given ", problem));
  }
  for (const Op& other : ThisNcclThread().ops) {
    if (other.comm->blocking == comm.blocking) continue;
    return Refuse(ncclInvalidUsage,
                  "blocking and non-blocking communicators in one group");
  }
  return ncclSuccess;
}

ncclResult_t NcclCall::AddOp(Op op, ncclComm_t comm, cudaStream_t stream) {
  NcclThread& group = ThisNcclThread();
  const auto fail = [&group](ncclResult_t result) {
    if (group.depth > 0 && group.error == ncclSuccess) group.error = result;
    return result;
  };
  op.comm = FindReady(comm);
  if (op.comm == nullptr) return fail(error_);
  op.stream = FindStream(stream);
  if (op.stream == nullptr) return fail(error_);
  const ncclResult_t checked = CheckOp(op);
  if (checked != ncclSuccess) return fail(checked);
  if (op.stream->library_has_work()) {
    Diagnose(absl::StrCat(op.stream->name(),
                          " is used while a communicator on it is still in "
                          "progress"));
  }
  // Collectives of nothing do not synchronise anything: NCCL drops them.
  if (!(op.collective() && op.count == 0)) group.ops.push_back(op);
  return group.depth > 0 ? ncclSuccess : LaunchGroup();
}

ncclResult_t NcclCall::LaunchGroup() {
  NcclThread& group = ThisNcclThread();
  const std::vector<Op> ops = std::exchange(group.ops, {});
  const ncclResult_t error = std::exchange(group.error, ncclSuccess);
  if (error != ncclSuccess) return error;
  std::vector<FakeComm*> comms;
  for (const Op& op : ops) {
    if (std::find(comms.begin(), comms.end(), op.comm) == comms.end()) {
      comms.push_back(op.comm);
    }
  }
  ncclResult_t result = ncclSuccess;
  for (FakeComm* comm : comms) {
    std::vector<Op> own;
    for (const Op& op : ops) {
      if (op.comm == comm) own.push_back(op);
    }
    FakeCapture* capture = nullptr;
    const ncclResult_t checked = FindCapture(own, &capture);
    if (checked != ncclSuccess) return checked;
    LaunchOn(*comm, std::move(own), capture);
    if (comm->state == ncclInProgress) result = ncclInProgress;
  }
  return result;
}

ncclResult_t NcclCall::FindCapture(const std::vector<Op>& ops,
                                   FakeCapture** capture) {
  *capture = ops[0].stream->capture();
  for (const Op& op : ops) {
    if (op.stream->capture() == *capture) continue;
    return Refuse(ncclInvalidUsage,
                  "streams in one group that are not all captured, or not all "
                  "into the same graph");
  }
  if (*capture == nullptr || !(*capture)->spoiled) return ncclSuccess;
  error_ = ncclUnhandledCudaError;
  return error_;
}

void NcclCall::LaunchOn(FakeComm& comm, std::vector<Op> ops,
                        FakeCapture* capture) {
  const uint64_t call = ++comm.calls;
  const bool in_background =
      !comm.blocking && comm.random.Fork("call", call).Uniform(2) == 0;
  if (capture != nullptr) {
    ++comm.captured_calls;
    for (Op& op : ops) op.captured_call = comm.captured_calls;
  }
  device().launches.push_back(
      std::make_unique<Launch>(comm, std::move(ops), in_background, capture));
  Launch& launch = *device().launches.back();
  if (capture != nullptr && !in_background) {
    capture->AddOps(launch.name(), launch.ops());
    return;
  }
  comm.in_flight.push_back(&launch);
  machine().scheduler().Post(*thread(), &launch, Launch::kOrder);
  if (in_background) comm.state = ncclInProgress;
  for (FakeStream* stream : launch.streams()) {
    if (in_background) {
      stream->LibraryHasWork();
      continue;
    }
    Item item;
    item.kind = Item::kLaunch;
    item.name = launch.name();
    item.launch = &launch;
    stream->Push(*thread(), std::move(item));
  }
}

ncclResult_t NcclCall::Abort(const std::vector<FakeComm*>& comms) {
  FakeDevice& own = device();
  std::vector<Job*> jobs;
  for (FakeComm* comm : comms) {
    if (machine().Strikes(FaultKind::kAbortHangs, own.rank, own.aborts++,
                          now_ns()) != nullptr) {
      own.wedged = true;
      Unlock();
      machine().HangCaller(*thread(), name());
      Lock();
      return ncclSystemError;
    }
    if (comm->blocking && !comm->in_flight.empty()) {
      Diagnose(absl::StrCat(comm->name,
                            " is a blocking one with operations in flight: "
                            "that is safe only with config.blocking = 0"));
    }
    jobs.push_back(&machine().cliques().NewJob(Job::kAbort, *comm));
    machine().scheduler().Post(*thread(), jobs.back(), Job::kPosted);
  }
  // It waits until no graph contains a call of it, and it frees memory, which
  // waits for all that runs on the device.
  const bool ended = WaitUntil(
      [&] {
        return own.dead ||
               (std::all_of(jobs.begin(), jobs.end(),
                            [](const Job* job) { return job->done; }) &&
                std::none_of(
                    comms.begin(), comms.end(),
                    [](const FakeComm* comm) { return comm->HasGraphs(); }) &&
                !own.HasActiveLaunch());
      },
      name());
  if (own.dead) return ncclUnhandledCudaError;
  return ended ? ncclSuccess : ncclInternalError;
}

}  // namespace parley::fakes
