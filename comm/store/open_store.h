// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// OpenStore: the store that PARLEY_STORE names.
//
//   PARLEY_ASSIGN_OR_RETURN(const auto job, LaunchEnvironment::Read());
//   PARLEY_ASSIGN_OR_RETURN(const auto store, OpenStore(job));
//
// Who wants to do without Redis's client library uses FileStore itself.
//
// Thread-safety: a function without state.
#ifndef PARLEY_COMM_STORE_OPEN_STORE_H_
#define PARLEY_COMM_STORE_OPEN_STORE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "parley/comm/store/environment.h"
#include "parley/comm/store/store.h"

namespace parley {

// A folder makes a FileStore, redis://HOST:PORT/PREFIX (redis_options.h) a
// RedisStore that is connected; either must be new for each job.
// kFailedPrecondition if PARLEY_STORE is not set, as under torchrun.
absl::StatusOr<std::unique_ptr<Store>> OpenStore(
    const LaunchEnvironment& environment);

}  // namespace parley

#endif  // PARLEY_COMM_STORE_OPEN_STORE_H_
