// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Store: a few small values that the processes of a job share before they can
// talk to each other: a communicator's unique id, who is in which incarnation.
// Not for tensors, and not for anything that happens in every step.
//
//   // Rank 0:
//   PARLEY_RETURN_IF_ERROR(store.Set("job/0/unique_id", id));
//   // Every rank, in any order:
//   PARLEY_ASSIGN_OR_RETURN(std::string id,
//                           store.Get("job/0/unique_id", absl::Minutes(5)));
//
// Nothing is ever deleted, so a key belongs to one use: whoever meets again
// under other circumstances puts an incarnation into its keys.
//
// Implementations: FileStore (file_store.h), RedisStore (redis_store.h); either
// from a name by OpenStore() (open_store.h). What else a cluster has is a class
// of these two functions, for which testing/store_conformance.h is the test.
//
// Thread-safety: all methods may be called from any thread.
#ifndef PARLEY_COMM_STORE_STORE_H_
#define PARLEY_COMM_STORE_STORE_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace parley {

// What every store takes; more is kInvalidArgument.
inline constexpr size_t kMaxStoreKeyBytes = 512;
inline constexpr size_t kMaxStoreValueBytes = size_t{64} << 20;

class Store {
 public:
  virtual ~Store() = default;

  // Store::Set()
  //
  // Gives `key` the value `value`, both of any bytes and of any length up to
  // the limits above. A key that has a value already gets the new one: a Get()
  // that starts after Set() has returned OK, in any process, gives this value
  // or a later one, and never a part of one.
  virtual absl::Status Set(absl::string_view key, absl::string_view value) = 0;

  // Store::Get()
  //
  // Gives the value of `key`, and waits for it up to `timeout` if there is none
  // yet; kDeadlineExceeded, naming the key, if none came. It looks once at
  // least, so a `timeout` of zero asks without waiting. It cannot be
  // interrupted: a thread that has to hear of an abort meanwhile waits in
  // several short calls.
  virtual absl::StatusOr<std::string> Get(absl::string_view key,
                                          absl::Duration timeout) = 0;
};

}  // namespace parley

#endif  // PARLEY_COMM_STORE_STORE_H_
