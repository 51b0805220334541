// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Transfer: the bytes of a collective, moved between the ranks' buffers. All
// entries are present and agree.
#ifndef PARLEY_SIM_TRANSFER_H_
#define PARLEY_SIM_TRANSFER_H_

#include "parley/sim/operation.h"
#include "parley/sim/worker_pool.h"

namespace parley::sim {

void Transfer(const Operation& operation, WorkerPool& pool);

}  // namespace parley::sim

#endif  // PARLEY_SIM_TRANSFER_H_
