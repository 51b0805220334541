// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// RedisOptions: which Redis server a RedisStore uses, and which keys in it.
//
//   PARLEY_ASSIGN_OR_RETURN(
//       RedisOptions options,
//       RedisOptions::FromUrl("redis://10.0.0.7:6379/team/job-17"));
//
// Thread-safety: a value.
#ifndef PARLEY_COMM_STORE_REDIS_OPTIONS_H_
#define PARLEY_COMM_STORE_REDIS_OPTIONS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "parley/base/clock.h"

namespace parley {

struct RedisOptions {
  // A name, or an address of IPv4 or IPv6. Looking up a name takes as long as
  // the machine's resolver allows, which nothing here bounds.
  std::string host;
  int port = 6379;

  // For a server that asks for a password; no user is its default user. Both
  // travel in the clear, as do values.
  std::string user = "";
  std::string password = "";

  // The job's own, never used before, without ':'. The store's key K is the
  // server's key PREFIX:K.
  std::string prefix;

  // What Get() waits on between looks; in real time. Must outlive the store.
  Clock* clock = &SteadyClock();

  // What connecting may take, and the answer to one request.
  absl::Duration timeout = absl::Seconds(10);

  // redis://[[USER]:PASSWORD@]HOST[:PORT]/PREFIX, an IPv6 address in brackets;
  // user, password and prefix may have bytes as %XX. The path is not the number
  // of a database, as it is for others: that is always 0. No message shows the
  // password.
  static absl::StatusOr<RedisOptions> FromUrl(absl::string_view url);

  // kInvalidArgument, naming what is wrong.
  absl::Status Validate() const;

  // "10.0.0.7:6379", "[::1]:6379"
  std::string Address() const;
};

}  // namespace parley

#endif  // PARLEY_COMM_STORE_REDIS_OPTIONS_H_
