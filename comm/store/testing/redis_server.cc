// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/store/testing/redis_server.h"

#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "parley/base/clock.h"

namespace parley::testing {
namespace {

constexpr int64_t kStartNs = 60'000'000'000;
constexpr int64_t kLookNs = 5'000'000;

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "RedisServer: %s\n", what.c_str());
  std::abort();
}

// A port that nobody has at this moment.
int FreePort() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (descriptor < 0 || bind(descriptor, generic, size) != 0 ||
      getsockname(descriptor, generic, &size) != 0) {
    Die("no port of the loopback interface can be had");
  }
  close(descriptor);
  return ntohs(address.sin_port);
}

}  // namespace

RedisServer::RedisServer() {
  // Another program may take the port before the server does.
  for (int i = 0; i < 10; ++i) {
    port_ = FreePort();
    if (Start()) return;
  }
  Die("it does not start; are redis-tools installed, as bazelw does?");
}

RedisServer::~RedisServer() { Kill(); }

std::string RedisServer::Url(const std::string& prefix) const {
  return absl::StrCat("redis://127.0.0.1:", port_, "/", prefix);
}

void RedisServer::Fork() {
  const char* folder = std::getenv("TEST_TMPDIR");
  const std::string port = absl::StrCat(port_);
  const char* const words[] = {
      // The program looks at this name to find out what it is to be.
      "redis-server",
      "--port",
      port.c_str(),
      "--bind",
      "127.0.0.1",
      "--save",
      "",
      "--dir",
      folder == nullptr ? "." : folder,
      "--loglevel",
      "warning",
      nullptr};
  auto* const argv = const_cast<char* const*>(words);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) Die("fork failed");
  if (pid_ > 0) return;
  // So that it ends even if the test is killed.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  execvp("redis-server", argv);
  execvp("redis-check-rdb", argv);
  _exit(127);
}

bool RedisServer::Start() {
  Fork();
  Clock& clock = SteadyClock();
  const int64_t deadline_ns = clock.NowNs() + kStartNs;
  while (!IsUp()) {
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return false;
    }
    if (clock.NowNs() >= deadline_ns) Die("it does not answer");
    clock.WaitUntil([] { return false; }, clock.NowNs() + kLookNs);
  }
  return true;
}

bool RedisServer::IsUp() {
  return absl::StrContains(Do({"INFO", "server"}),
                           absl::StrCat("process_id:", pid_, "\r"));
}

void RedisServer::Kill() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RedisServer::Restart() {
  if (!Start()) Die("its port is taken");
}

void RedisServer::Stop() {
  kill(pid_, SIGSTOP);
  // It has stopped only when this says so.
  waitpid(pid_, nullptr, WUNTRACED);
}

void RedisServer::Continue() { kill(pid_, SIGCONT); }

std::string RedisServer::Do(const std::vector<std::string>& command) {
  const timeval timeout = {.tv_sec = 10, .tv_usec = 0};
  const std::unique_ptr<redisContext, void (*)(redisContext*)> context(
      redisConnectWithTimeout("127.0.0.1", port_, timeout), redisFree);
  if (context == nullptr || context->err != 0) return "no connection";
  redisSetTimeout(context.get(), timeout);
  std::vector<const char*> words;
  std::vector<size_t> sizes;
  for (const std::string& word : command) {
    words.push_back(word.data());
    sizes.push_back(word.size());
  }
  const std::unique_ptr<void, void (*)(void*)> owner(
      redisCommandArgv(context.get(), static_cast<int>(words.size()),
                       words.data(), sizes.data()),
      freeReplyObject);
  if (owner == nullptr) return "no answer";
  const auto& reply = *static_cast<const redisReply*>(owner.get());
  if (reply.type == REDIS_REPLY_INTEGER) return absl::StrCat(reply.integer);
  return reply.str == nullptr ? "" : std::string(reply.str, reply.len);
}

}  // namespace parley::testing
