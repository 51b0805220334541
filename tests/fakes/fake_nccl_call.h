// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What the entries of the fake NCCL have in common: the calling thread's group,
// and the checks of communicators and operations.
#ifndef PARLEY_TESTS_FAKES_FAKE_NCCL_CALL_H_
#define PARLEY_TESTS_FAKES_FAKE_NCCL_CALL_H_

#include <nccl.h>

#include <string>
#include <vector>

#include "parley/tests/fakes/fake_call.h"
#include "parley/tests/fakes/fake_comm.h"

namespace parley::fakes {

// What the calling thread has put into its group.
struct NcclThread {
  int depth = 0;
  std::vector<Op> ops;
  std::vector<FakeComm*> aborts;
  ncclResult_t error = ncclSuccess;
  std::string last_error;
};
NcclThread& ThisNcclThread();

class NcclCall : public Call {
 public:
  explicit NcclCall(const char* name) : Call(name) {}

  // Why a call without a communicator cannot be served, or ncclSuccess.
  ncclResult_t CheckDevice();

  // The communicator behind a handle; on null, error() says what to return.
  FakeComm* Find(ncclComm_t handle);

  // As Find, of a communicator that is ready for a new call.
  FakeComm* FindReady(ncclComm_t handle);

  ncclResult_t error() const { return error_; }

  // Records a diagnosis and the last error, and returns `error`.
  ncclResult_t Refuse(ncclResult_t error, const std::string& text);

  // Parks while the communicator is in progress, if it is a blocking one, and
  // returns its state.
  ncclResult_t Settle(FakeComm& comm);

  // Adds a call to the thread's group, or runs it as a group of its own.
  ncclResult_t AddOp(Op op, ncclComm_t comm, cudaStream_t stream);

  // Launches what is in the group.
  ncclResult_t LaunchGroup();

  // Aborts all of them together; blocks until nothing of theirs runs and the
  // device is free of others, too.
  ncclResult_t Abort(const std::vector<FakeComm*>& comms);

 private:
  ncclResult_t CheckOp(const Op& op);

  // The capture that all streams of the operations are in, null if none is in
  // one.
  ncclResult_t FindCapture(const std::vector<Op>& ops, FakeCapture** capture);

  // Puts a group on its streams, or into the capture.
  void LaunchOn(FakeComm& comm, std::vector<Op> ops, FakeCapture* capture);

  FakeStream* FindStream(cudaStream_t handle);

  ncclResult_t error_ = ncclSuccess;
};

}  // namespace parley::fakes

#endif  // PARLEY_TESTS_FAKES_FAKE_NCCL_CALL_H_
