// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// RedisStore: a Store in a Redis server (or Valkey, or what else speaks its
// protocol), for jobs on several machines that share no folder.
//
//   PARLEY_ASSIGN_OR_RETURN(
//       std::unique_ptr<RedisStore> store,
//       RedisStore::Connect({.host = "10.0.0.7", .prefix = "job-17"}));
//
// A server that the job starts for itself will do: it need not write anything
// to a disk. It must not evict keys, which is how Redis comes. Values stay in
// it, hence a prefix of the job's own; to delete them:
//
//   redis-cli --scan --pattern 'job-17:*' | xargs redis-cli del
//
// What goes wrong with the server is told with its address, the key and the
// text of Redis or of the system:
// - kUnavailable: it is not there, went away, or did not answer in time. Before
//   that, a request whose connection was lost is made once more, over a new
//   one. What a server forgot when it started again, nobody sets anew.
// - kPermissionDenied: it wants a password, or another one.
// - kResourceExhausted: its memory is full.
// - kFailedPrecondition: what else it refuses, as a key that holds a list.
//
// No encryption: for networks that are trusted with the values.
//
// Thread-safety: thread-safe. Threads that call at the same time have a
// connection each, so nobody waits for somebody else's request. Not to be used
// by a process that is forked off later.
#ifndef PARLEY_COMM_STORE_REDIS_STORE_H_
#define PARLEY_COMM_STORE_REDIS_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "parley/base/mutex.h"
#include "parley/comm/store/redis_options.h"
#include "parley/comm/store/store.h"

namespace parley {

namespace store {
class RedisConnection;
}  // namespace store

class RedisStore final : public Store {
 public:
  // Makes sure that the server is there and lets this process in.
  static absl::StatusOr<std::unique_ptr<RedisStore>> Connect(
      const RedisOptions& options);
  ~RedisStore() override;

  // Takes up to the options' timeout.
  absl::Status Set(absl::string_view key, absl::string_view value) override
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Asks again and again, less and less often: store_common.h. A server that
  // does not answer has the options' timeout to do so; but not for longer than
  // to the end of this timeout, or a second where less than that is left.
  absl::StatusOr<std::string> Get(absl::string_view key,
                                  absl::Duration timeout) override
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  explicit RedisStore(const RedisOptions& options);

  std::string KeyInServer(absl::string_view key) const;

  // `what` is for messages: "get key 'k'".
  absl::StatusOr<std::optional<std::string>> Ask(
      absl::Span<const absl::string_view> command, absl::string_view what,
      absl::Duration timeout);
  absl::StatusOr<std::optional<std::string>> AskOnce(
      absl::Span<const absl::string_view> command, int64_t deadline_ns,
      bool* is_lost);

  const RedisOptions options_;
  const std::string name_;  // "redis store HOST:PORT"
  Mutex mutex_;
  // Connections that no thread uses now.
  std::vector<std::unique_ptr<store::RedisConnection>> idle_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace parley

#endif  // PARLEY_COMM_STORE_REDIS_STORE_H_
