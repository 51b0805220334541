// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/store/open_store.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "parley/base/clock.h"
#include "parley/comm/store/file_store.h"
#include "parley/comm/store/redis_options.h"
#include "parley/comm/store/redis_store.h"

namespace parley {

absl::StatusOr<std::unique_ptr<Store>> OpenStore(
    const LaunchEnvironment& environment) {
  const std::string& name = environment.store;
  if (name.empty()) {
    return absl::FailedPreconditionError(
        "the environment variable PARLEY_STORE is not set: where ranks find "
        "each other, a folder that all see or redis://HOST:PORT/JOB, new for "
        "each job; //tools:launch sets it");
  }
  // Any other scheme is refused like a redis:// that is wrong.
  if (!absl::StrContains(name, "://")) {
    return std::make_unique<FileStore>(name, SteadyClock());
  }
  const absl::StatusOr<RedisOptions> options = RedisOptions::FromUrl(name);
  if (!options.ok()) {
    return absl::Status(
        options.status().code(),
        absl::StrCat("PARLEY_STORE=", options.status().message()));
  }
  return RedisStore::Connect(*options);
}

}  // namespace parley
