// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What the fake NCCL's operations do to bytes, and how the calls of different
// ranks are compared. AllReduce adds as NCCL's ring does: element by element in
// a rotated order, rounded to the type at every hop, so that its results are
// not those of a sum in rank order by luck.
//
// Thread-safety: thread-safe, pure functions.
#ifndef PARLEY_TESTS_FAKES_FAKE_COLLECTIVES_H_
#define PARLEY_TESTS_FAKES_FAKE_COLLECTIVES_H_

#include <nccl.h>

#include <cstdint>
#include <string>
#include <vector>

#include "parley/tests/fakes/fake_launch.h"

namespace parley::fakes {

// Bytes per element, 0 for what is no type.
int64_t BytesOf(ncclDataType_t type);
const char* NameOf(ncclDataType_t type);

// Whether the fakes can reduce elements of the type.
bool CanReduce(ncclDataType_t type, ncclRedOp_t op);

// The first thing in which calls that belong together differ: "count: 4 on rank
// 0, 5 on rank 1"; empty if they agree. Ranks are those of the list.
std::string Difference(const std::vector<const Op*>& calls);

// The same for a Send and its Recv.
std::string Difference(const Op& send, const Op& recv);

// Runs a collective: `calls` are those of all ranks, in rank order.
void RunCollective(const std::vector<const Op*>& calls);

}  // namespace parley::fakes

#endif  // PARLEY_TESTS_FAKES_FAKE_COLLECTIVES_H_
