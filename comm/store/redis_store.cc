// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/store/redis_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/base/clock.h"
#include "parley/base/status_macros.h"
#include "parley/comm/store/redis_connection.h"
#include "parley/comm/store/store_common.h"

namespace parley {
namespace {

// What a look has at least, at whatever distance the server is.
constexpr absl::Duration kLeastForAnAnswer = absl::Seconds(1);

}  // namespace

RedisStore::RedisStore(const RedisOptions& options)
    : options_(options),
      name_(absl::StrCat("redis store ", options.Address())) {}

RedisStore::~RedisStore() = default;

absl::StatusOr<std::unique_ptr<RedisStore>> RedisStore::Connect(
    const RedisOptions& options) {
  const absl::Status valid = options.Validate();
  if (!valid.ok()) {
    return absl::Status(valid.code(),
                        absl::StrCat("redis store: ", valid.message()));
  }
  std::unique_ptr<RedisStore> store(new RedisStore(options));
  PARLEY_RETURN_IF_ERROR(
      store->Ask({"PING"}, "connect", options.timeout).status());
  return store;
}

absl::Status RedisStore::Set(absl::string_view key, absl::string_view value) {
  PARLEY_RETURN_IF_ERROR(store::CheckKey(name_, key));
  PARLEY_RETURN_IF_ERROR(store::CheckValue(name_, key, value));
  return Ask({"SET", KeyInServer(key), value},
             absl::StrCat("set ", store::KeyName(key)), options_.timeout)
      .status();
}

absl::StatusOr<std::string> RedisStore::Get(absl::string_view key,
                                            absl::Duration timeout) {
  PARLEY_RETURN_IF_ERROR(store::CheckKey(name_, key));
  const std::string key_in_server = KeyInServer(key);
  const std::string what = absl::StrCat("get ", store::KeyName(key));
  return store::WaitForValue(
      *options_.clock, name_, key, timeout, [&](int64_t deadline_ns) {
        const absl::Duration left = absl::Nanoseconds(deadline_ns) -
                                    absl::Nanoseconds(options_.clock->NowNs());
        return Ask(
            {"GET", key_in_server}, what,
            std::min(options_.timeout, std::max(left, kLeastForAnAnswer)));
      });
}

std::string RedisStore::KeyInServer(absl::string_view key) const {
  return absl::StrCat(options_.prefix, ":", key);
}

absl::StatusOr<std::optional<std::string>> RedisStore::Ask(
    absl::Span<const absl::string_view> command, absl::string_view what,
    absl::Duration timeout) {
  const int64_t deadline_ns =
      DeadlineAfter(options_.clock->NowNs(), absl::ToInt64Nanoseconds(timeout));
  bool is_lost = false;
  absl::StatusOr<std::optional<std::string>> answer =
      AskOnce(command, deadline_ns, &is_lost);
  if (is_lost) {
    {
      // They went to the same server.
      MutexLock lock(&mutex_);
      idle_.clear();
    }
    answer = AskOnce(command, deadline_ns, &is_lost);
  }
  if (answer.ok()) return answer;
  const std::string context =
      absl::StrCat(name_, ": cannot ", what, ": ", answer.status().message());
  // Of a store, kDeadlineExceeded says that there is no value.
  if (absl::IsDeadlineExceeded(answer.status())) {
    return absl::UnavailableError(absl::StrCat(
        context, " within ",
        absl::FormatDuration(absl::Trunc(timeout, absl::Milliseconds(1)))));
  }
  return absl::Status(answer.status().code(), context);
}

absl::StatusOr<std::optional<std::string>> RedisStore::AskOnce(
    absl::Span<const absl::string_view> command, int64_t deadline_ns,
    bool* is_lost) {
  std::unique_ptr<store::RedisConnection> connection;
  {
    MutexLock lock(&mutex_);
    if (!idle_.empty()) {
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (connection == nullptr) {
    PARLEY_ASSIGN_OR_RETURN(
        connection, store::RedisConnection::Open(options_, deadline_ns));
  }
  auto answer = connection->Ask(command, deadline_ns);
  *is_lost = connection->is_lost();
  if (connection->is_open()) {
    MutexLock lock(&mutex_);
    idle_.push_back(std::move(connection));
  }
  return answer;
}

}  // namespace parley
