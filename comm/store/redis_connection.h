// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// RedisConnection: one request after another to a Redis server, over hiredis.
//
// hiredis makes the connection and knows the protocol. Waiting is done here,
// because its own timeouts are those of a system call: a server that sends a
// byte now and then would hold a request for ever. So is sending, because it
// would raise SIGPIPE where the server has gone.
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_COMM_STORE_REDIS_CONNECTION_H_
#define PARLEY_COMM_STORE_REDIS_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "parley/comm/store/redis_options.h"

struct redisContext;

namespace parley::store {

class RedisConnection {
 public:
  // Connects and identifies itself. kDeadlineExceeded if that took too long.
  static absl::StatusOr<std::unique_ptr<RedisConnection>> Open(
      const RedisOptions& options, int64_t deadline_ns);
  ~RedisConnection();
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  // The text that answers a command; nothing for Redis's nil. Otherwise, with
  // the text of Redis or of errno:
  // - what Redis refuses: another code than the following, and is_open();
  // - kDeadlineExceeded: no whole answer came in time;
  // - kUnavailable: the connection broke, or what answers is not Redis.
  absl::StatusOr<std::optional<std::string>> Ask(
      absl::Span<const absl::string_view> command, int64_t deadline_ns);

  // Whether it can be asked again.
  bool is_open() const { return context_ != nullptr; }

  // Whether it had been open, and the other side closed it.
  bool is_lost() const { return is_lost_; }

 private:
  RedisConnection(redisContext* context, Clock& clock)
      : context_(context), clock_(clock) {}

  absl::Status WaitFor(short events, int64_t deadline_ns);
  absl::Status FinishConnecting(int64_t deadline_ns);
  absl::Status Send(absl::string_view bytes, int64_t deadline_ns);
  absl::StatusOr<std::optional<std::string>> Receive(int64_t deadline_ns);
  absl::Status Lost(const char* reason);
  void Close();

  redisContext* context_;
  Clock& clock_;
  bool is_lost_ = false;
};

}  // namespace parley::store

#endif  // PARLEY_COMM_STORE_REDIS_CONNECTION_H_
