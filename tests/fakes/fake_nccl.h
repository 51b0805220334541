// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The fake NCCL: the entries of NcclApi over the machine of the moment. It
// keeps NCCL's rules (states of non-blocking communicators, groups, one kernel
// at a time on a device, in the order of the calls) and records a diagnosis
// where the caller breaks one. Where the real library may or may not be
// finished when a call returns, a draw decides.
//
// It is stricter than NCCL in one thing: messages of one group are exchanged
// only with messages of one group of the peer.
//
// Thread-safety: as NCCL's.
#ifndef PARLEY_TESTS_FAKES_FAKE_NCCL_H_
#define PARLEY_TESTS_FAKES_FAKE_NCCL_H_

#include "parley/comm/nccl/nccl_api.h"

namespace parley::fakes {

// The table of a version, as ncclGetVersion tells it: what came later is null.
NcclApi FakeNcclApi(int version);

}  // namespace parley::fakes

#endif  // PARLEY_TESTS_FAKES_FAKE_NCCL_H_
