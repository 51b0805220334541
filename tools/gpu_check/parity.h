// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Whether real ranks come to the simulator's bits: one training run, of which
// each rank notes fingerprints after every meeting, on any communicator.
//
//   PARLEY_ASSIGN_OR_RETURN(const auto expected, SimulateParity(3, options));
//   PARLEY_ASSIGN_OR_RETURN(const auto got, RunParity(*comm, options));
//   PARLEY_RETURN_IF_ERROR(CompareParity(got, expected[comm->rank()]));
//
// The model has tensors of most dtypes, dense and strided, large and small,
// that are averaged, averaged as integers and broadcast; weights differ between
// ranks and steps, and some are 0. Values are hard ones: infinities, NaNs,
// subnormals. At the end ranks 0 and n-1 meet on a communicator of their own.
//
// Thread-safety: functions of their arguments.
#ifndef PARLEY_TOOLS_GPU_CHECK_PARITY_H_
#define PARLEY_TOOLS_GPU_CHECK_PARITY_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "parley/comm/communicator.h"

namespace parley::gpu_check {

struct ParityOptions {
  uint64_t seed = 1;
  int64_t large = 1'000'003;  // elements of the largest tensor
  int meetings = 2;           // before the last one, of Finish()
};

// Collective. The library's fingerprint of every meeting, each followed by a
// hash, made on the host, of all bytes that this rank then has.
absl::StatusOr<std::vector<uint64_t>> RunParity(Communicator& comm,
                                                const ParityOptions& options);

// What each of `ranks` simulated ranks gets, in rank order.
absl::StatusOr<std::vector<std::vector<uint64_t>>> SimulateParity(
    int ranks, const ParityOptions& options);

// OK if equal; otherwise kInternal with the first that differs.
absl::Status CompareParity(const std::vector<uint64_t>& got,
                           const std::vector<uint64_t>& expected);

}  // namespace parley::gpu_check

#endif  // PARLEY_TOOLS_GPU_CHECK_PARITY_H_
