// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/store/redis_connection.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "parley/base/clock.h"
#include "parley/base/status_macros.h"

namespace parley::store {
namespace {

// The longest that poll() is asked for.
constexpr int64_t kLongestPollMs = 3'600'000;

// Redis says with the first word what is wrong.
absl::StatusCode CodeOfRefusal(absl::string_view text) {
  for (const char* word : {"NOAUTH ", "WRONGPASS ", "NOPERM "}) {
    if (absl::StartsWith(text, word)) {
      return absl::StatusCode::kPermissionDenied;
    }
  }
  return absl::StartsWith(text, "OOM ") ? absl::StatusCode::kResourceExhausted
                                        : absl::StatusCode::kFailedPrecondition;
}

absl::StatusOr<std::optional<std::string>> Answer(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
      return std::optional<std::string>(std::string(reply.str, reply.len));
    case REDIS_REPLY_NIL:
      return std::optional<std::string>();
    case REDIS_REPLY_ERROR: {
      const absl::string_view text(reply.str, reply.len);
      return absl::Status(CodeOfRefusal(text), text);
    }
    default:
      return absl::FailedPreconditionError(
          absl::StrCat("an answer of Redis's type ", reply.type));
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<RedisConnection>> RedisConnection::Open(
    const RedisOptions& options, int64_t deadline_ns) {
  redisContext* context =
      redisConnectNonBlock(options.host.c_str(), options.port);
  if (context == nullptr) return absl::ResourceExhaustedError("out of memory");
  std::unique_ptr<RedisConnection> connection(
      new RedisConnection(context, *options.clock));
  PARLEY_RETURN_IF_ERROR(connection->FinishConnecting(deadline_ns));
  if (!options.password.empty()) {
    std::vector<absl::string_view> command = {"AUTH", options.password};
    if (!options.user.empty())
      command.insert(command.begin() + 1, options.user);
    PARLEY_RETURN_IF_ERROR(connection->Ask(command, deadline_ns).status());
  }
  return connection;
}

RedisConnection::~RedisConnection() { Close(); }

void RedisConnection::Close() {
  if (context_ != nullptr) redisFree(std::exchange(context_, nullptr));
}

absl::Status RedisConnection::FinishConnecting(int64_t deadline_ns) {
  if (context_->err != 0) return absl::UnavailableError(context_->errstr);
  fcntl(context_->fd, F_SETFD, FD_CLOEXEC);
  PARLEY_RETURN_IF_ERROR(WaitFor(POLLOUT, deadline_ns));
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(context_->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
    error = errno;
  }
  return error == 0 ? absl::OkStatus()
                    : absl::UnavailableError(std::strerror(error));
}

absl::Status RedisConnection::WaitFor(short events, int64_t deadline_ns) {
  struct pollfd descriptor = {};
  descriptor.fd = context_->fd;
  descriptor.events = events;
  while (true) {
    const int64_t remaining_ns =
        std::max<int64_t>(0, deadline_ns - clock_.NowNs());
    const int64_t ms = std::min(remaining_ns / 1'000'000 + 1, kLongestPollMs);
    // Whether or not anything comes, what is late is late.
    const int ready =
        remaining_ns == 0 ? 0 : poll(&descriptor, 1, static_cast<int>(ms));
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return Lost(std::strerror(errno));
    if (ready == 0 && ms < kLongestPollMs) {
      Close();
      return absl::DeadlineExceededError("no answer");
    }
  }
}

absl::Status RedisConnection::Lost(const char* reason) {
  absl::Status status = absl::UnavailableError(reason);
  Close();
  is_lost_ = true;
  return status;
}

absl::StatusOr<std::optional<std::string>> RedisConnection::Ask(
    absl::Span<const absl::string_view> command, int64_t deadline_ns) {
  std::vector<const char*> words;
  std::vector<size_t> sizes;
  for (absl::string_view word : command) {
    words.push_back(word.data());
    sizes.push_back(word.size());
  }
  char* bytes = nullptr;
  const auto size = redisFormatCommandArgv(
      &bytes, static_cast<int>(words.size()), words.data(), sizes.data());
  if (size < 0) return absl::ResourceExhaustedError("out of memory");
  const absl::Status status =
      Send(absl::string_view(bytes, static_cast<size_t>(size)), deadline_ns);
  redisFreeCommand(bytes);
  PARLEY_RETURN_IF_ERROR(status);
  return Receive(deadline_ns);
}

absl::Status RedisConnection::Send(absl::string_view bytes,
                                   int64_t deadline_ns) {
  while (!bytes.empty()) {
    const ssize_t sent =
        send(context_->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      PARLEY_RETURN_IF_ERROR(WaitFor(POLLOUT, deadline_ns));
    } else if (errno != EINTR) {
      return Lost(std::strerror(errno));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> RedisConnection::Receive(
    int64_t deadline_ns) {
  while (true) {
    void* reply = nullptr;
    bool ok = redisGetReplyFromReader(context_, &reply) == REDIS_OK;
    if (reply != nullptr) {
      const std::unique_ptr<void, void (*)(void*)> owner(reply,
                                                         freeReplyObject);
      return Answer(*static_cast<const redisReply*>(reply));
    }
    if (ok) {
      PARLEY_RETURN_IF_ERROR(WaitFor(POLLIN, deadline_ns));
      ok = redisBufferRead(context_) == REDIS_OK;
    }
    if (ok) continue;
    if (context_->err == REDIS_ERR_IO || context_->err == REDIS_ERR_EOF) {
      return Lost(context_->errstr);
    }
    const absl::Status status = absl::UnavailableError(context_->errstr);
    Close();
    return status;
  }
}

}  // namespace parley::store
