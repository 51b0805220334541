// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// RedisStore and what can go wrong between it and a server: a real one, which
// is killed, stopped and configured; and a false one, for answers that Redis
// does not give. What every store promises is tested in tests/store.
#include "parley/comm/store/redis_store.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/base/clock.h"
#include "parley/comm/store/testing/redis_server.h"

namespace parley {
namespace {

using ::parley::testing::RedisServer;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kSecond = 1'000'000'000;
constexpr absl::Duration kNoTime = absl::ZeroDuration();
constexpr absl::Duration kLong = absl::Minutes(5);

RedisOptions OptionsFor(int port) {
  return {.host = "127.0.0.1", .port = port, .prefix = "job"};
}

std::unique_ptr<RedisStore> ConnectOrDie(const RedisOptions& options) {
  auto store = RedisStore::Connect(options);
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

// A message that says where, what and why.
void ExpectError(const absl::Status& status, absl::StatusCode code, int port,
                 const std::string& what, const std::string& why) {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(absl::StrCat("redis store 127.0.0.1:", port,
                                           ": cannot ", what, ": ")),
                    HasSubstr(why)));
}

int64_t Seconds(const std::function<void()>& body) {
  const int64_t start_ns = SteadyClock().NowNs();
  body();
  return (SteadyClock().NowNs() - start_ns) / kSecond;
}

TEST(RedisStoreTest, KeysAreThoseOfThePrefix) {
  RedisServer server;
  const auto store = ConnectOrDie(OptionsFor(server.port()));
  ASSERT_TRUE(store->Set("a/b", "v").ok());
  EXPECT_EQ(server.Do({"GET", "job:a/b"}), "v");
  EXPECT_EQ(server.Do({"DBSIZE"}), "1");
  EXPECT_EQ(server.Do({"TTL", "job:a/b"}), "-1");  // for ever

  RedisOptions options = OptionsFor(server.port());
  options.prefix = "job/2";
  const auto other = ConnectOrDie(options);
  EXPECT_FALSE(other->Get("a/b", kNoTime).ok());
  ASSERT_TRUE(other->Set("a/b", "w").ok());
  EXPECT_EQ(*store->Get("a/b", kNoTime), "v");
}

// A thousand ranks may wait: at 1, 3, 7, ..., 127, 255, 383 ms, and the end.
TEST(RedisStoreTest, WaitingAsksSeldom) {
  RedisServer server;
  const auto store = ConnectOrDie(OptionsFor(server.port()));
  EXPECT_FALSE(store->Get("key", absl::Milliseconds(400)).ok());
  const std::string stats = server.Do({"INFO", "commandstats"});
  const size_t at = stats.find("cmdstat_get:calls=");
  ASSERT_NE(at, std::string::npos) << stats;
  EXPECT_LE(std::stoi(stats.substr(at + 18)), 11);
}

TEST(RedisStoreTest, AServerThatDiedIsTold) {
  RedisServer server;
  const int port = server.port();
  const auto store = ConnectOrDie(OptionsFor(port));
  ASSERT_TRUE(store->Set("key", "v").ok());
  server.Kill();
  EXPECT_LT(Seconds([&] {
              ExpectError(store->Get("key", kLong).status(),
                          absl::StatusCode::kUnavailable, port, "get key 'key'",
                          "Connection refused");
            }),
            10);
  ExpectError(store->Set("k\xff", "v"), absl::StatusCode::kUnavailable, port,
              "set key 'k\\xff'", "Connection refused");
  ExpectError(RedisStore::Connect(OptionsFor(port)).status(),
              absl::StatusCode::kUnavailable, port, "connect",
              "Connection refused");
}

// More than a socket's buffers hold, so that bytes are still sent when the
// other side is known to be gone: no SIGPIPE, which would end the program.
TEST(RedisStoreTest, AServerThatDiedRaisesNoSignal) {
  RedisServer server;
  const auto store = ConnectOrDie(OptionsFor(server.port()));
  server.Kill();
  ExpectError(store->Set("key", std::string(32 << 20, 'v')),
              absl::StatusCode::kUnavailable, server.port(), "set key 'key'",
              "Connection refused");
}

TEST(RedisStoreTest, ALostConnectionIsMadeAgain) {
  RedisServer server;
  const auto store = ConnectOrDie(OptionsFor(server.port()));
  for (const bool with_set : {true, false}) {
    server.Kill();
    server.Restart();
    if (with_set) {
      const absl::Status status = store->Set("key", "again");
      EXPECT_TRUE(status.ok()) << status;
      EXPECT_EQ(server.Do({"GET", "job:key"}), "again");
    } else {
      server.Do({"SET", "job:key", "by another"});
      const auto value = store->Get("key", kNoTime);
      ASSERT_TRUE(value.ok()) << value.status();
      EXPECT_EQ(*value, "by another");
    }
  }
}

// Two threads have left a connection each.
TEST(RedisStoreTest, AllConnectionsAreLostWithTheServer) {
  RedisServer server;
  const auto store = ConnectOrDie(OptionsFor(server.port()));
  const auto set = [&] { EXPECT_TRUE(store->Set("key", "v").ok()); };
  Clock& clock = SteadyClock();
  std::string clients;
  // Threads that come too late find the other's connection; so, again.
  while (!absl::StrContains(clients, "connected_clients:3\r")) {
    server.Stop();
    std::thread one(set), two(set);
    clock.WaitUntil([] { return false; }, clock.NowNs() + kSecond / 20);
    server.Continue();
    one.join();
    two.join();
    clients = server.Do({"INFO", "clients"});
  }
  server.Kill();
  server.Restart();
  const absl::Status status = store->Set("key", "again");
  EXPECT_TRUE(status.ok()) << status;
}

// It takes connections, for the kernel does, and answers nothing.
TEST(RedisStoreTest, AServerThatHangsEndsNothingLate) {
  RedisServer server;
  const int port = server.port();
  const auto store = ConnectOrDie(OptionsFor(port));
  RedisOptions options = OptionsFor(port);
  options.timeout = absl::Seconds(1);
  const auto impatient = ConnectOrDie(options);
  server.Stop();
  EXPECT_LT(Seconds([&] {
              ExpectError(store->Get("key", absl::Seconds(3)).status(),
                          absl::StatusCode::kUnavailable, port, "get key 'key'",
                          "no answer within 2.");
              ExpectError(store->Get("key", kNoTime).status(),
                          absl::StatusCode::kUnavailable, port, "get key 'key'",
                          "no answer within 1s");
              ExpectError(impatient->Get("key", kLong).status(),
                          absl::StatusCode::kUnavailable, port, "get key 'key'",
                          "no answer within 1s");
              ExpectError(impatient->Set("key", "v"),
                          absl::StatusCode::kUnavailable, port, "set key 'key'",
                          "no answer within 1s");
              ExpectError(RedisStore::Connect(options).status(),
                          absl::StatusCode::kUnavailable, port, "connect",
                          "no answer within 1s");
            }),
            18);
  server.Continue();
  // What was not answered then answers nothing now.
  server.Do({"SET", "job:key", "new"});
  EXPECT_EQ(*store->Get("key", kNoTime), "new");
  EXPECT_EQ(*impatient->Get("key", kNoTime), "new");
}

TEST(RedisStoreTest, WhatTheServerRefusesIsTold) {
  RedisServer server;
  const int port = server.port();
  const auto store = ConnectOrDie(OptionsFor(port));
  server.Do({"RPUSH", "job:list", "v"});
  ExpectError(store->Get("list", kLong).status(),
              absl::StatusCode::kFailedPrecondition, port, "get key 'list'",
              "WRONGTYPE Operation against a key holding the wrong kind");
  ASSERT_TRUE(store->Set("list", "now a value").ok());
  EXPECT_EQ(*store->Get("list", kNoTime), "now a value");

  server.Do({"CONFIG", "SET", "maxmemory", "1"});
  ExpectError(store->Set("key", "v"), absl::StatusCode::kResourceExhausted,
              port, "set key 'key'", "OOM command not allowed");
  EXPECT_EQ(*store->Get("list", kNoTime), "now a value");
}

TEST(RedisStoreTest, AValueThatIsTooLongIsNotSent) {
  RedisServer server;
  const auto store = ConnectOrDie(OptionsFor(server.port()));
  server.Kill();
  EXPECT_EQ(store->Set("key", std::string(kMaxStoreValueBytes + 1, 'v')).code(),
            absl::StatusCode::kInvalidArgument);
  const std::string key(kMaxStoreKeyBytes + 1, 'k');
  EXPECT_EQ(store->Set(key, "v").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store->Get(key, kLong).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(RedisStoreTest, APasswordLetsIn) {
  RedisServer server;
  const int port = server.port();
  server.Do(
      {"ACL", "SETUSER", "me", "on", ">mine \xff", "~*", "+set", "+ping"});
  server.Do({"CONFIG", "SET", "requirepass", "secret"});
  RedisOptions options = OptionsFor(port);
  const auto expect_refused = [&](const std::string& why) {
    const absl::Status status = RedisStore::Connect(options).status();
    ExpectError(status, absl::StatusCode::kPermissionDenied, port, "connect",
                why);
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("hidden")));
  };
  expect_refused("NOAUTH Authentication required");
  options.password = "hidden";
  expect_refused("WRONGPASS");
  options.password = "secret";
  EXPECT_TRUE(ConnectOrDie(options)->Set("key", "v").ok());
  options.user = "me";
  expect_refused("WRONGPASS");

  options.password = "mine \xff";
  const auto store = ConnectOrDie(options);
  EXPECT_TRUE(store->Set("key", "v").ok());
  ExpectError(store->Get("key", kLong).status(),
              absl::StatusCode::kPermissionDenied, port, "get key 'key'",
              "NOPERM");
}

TEST(RedisStoreTest, BadOptionsAreRefused) {
  RedisOptions options = OptionsFor(0);
  const absl::Status status = RedisStore::Connect(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("redis store: the port 0"));
  options.port = 6379;
  options.host = "no..host";
  const absl::Status unknown = RedisStore::Connect(options).status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(unknown.message()),
              HasSubstr("redis store no..host:6379: cannot connect: "));
}

// Accepts connections on a free port and has `serve` deal with each in turn.
class FalseServer {
 public:
  using Serve = std::function<void(int descriptor, int connection)>;

  explicit FalseServer(Serve serve)
      : listener_(socket(AF_INET, SOCK_STREAM, 0)), serve_(std::move(serve)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener_, generic, size), 0);
    EXPECT_EQ(listen(listener_, 0), 0);
    EXPECT_EQ(getsockname(listener_, generic, &size), 0);
    port_ = ntohs(address.sin_port);
    if (serve_ != nullptr) thread_ = std::thread([this] { Accept(); });
  }
  ~FalseServer() {
    shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    close(listener_);
  }

  int port() const { return port_; }
  int connections() const { return connections_; }

  // False if the other side has closed it.
  static bool Receive(int descriptor) {
    char bytes[1000];
    return recv(descriptor, bytes, sizeof(bytes), 0) > 0;
  }
  static bool Send(int descriptor, const std::string& text) {
    return send(descriptor, text.data(), text.size(), MSG_NOSIGNAL) > 0;
  }

 private:
  void Accept() {
    while (true) {
      const int descriptor = accept(listener_, nullptr, nullptr);
      if (descriptor < 0) return;
      serve_(descriptor, connections_++);
      close(descriptor);
    }
  }

  const int listener_;
  const Serve serve_;
  int port_ = 0;
  std::atomic<int> connections_{0};
  std::thread thread_;
};

// Once, and not for ever.
TEST(RedisStoreTest, AConnectionThatIsLostAgainIsGivenUp) {
  FalseServer server([](int descriptor, int connection) {
    FalseServer::Receive(descriptor);
    if (connection > 0) return;
    FalseServer::Send(descriptor, "+PONG\r\n");
    FalseServer::Receive(descriptor);
  });
  const auto store = ConnectOrDie(OptionsFor(server.port()));
  ExpectError(store->Get("key", kLong).status(), absl::StatusCode::kUnavailable,
              server.port(), "get key 'key'", "Server closed the connection");
  EXPECT_EQ(server.connections(), 2);
}

// Bytes that go on coming, and are no answer in the end.
TEST(RedisStoreTest, AnAnswerThatComesByDripsEndsNothingLate) {
  FalseServer server([](int descriptor, int) {
    FalseServer::Receive(descriptor);
    FalseServer::Send(descriptor, "+PONG\r\n");
    FalseServer::Receive(descriptor);
    FalseServer::Send(descriptor, "$1000\r\n");
    Clock& clock = SteadyClock();
    for (int i = 0; i < 500 && FalseServer::Send(descriptor, "v"); ++i) {
      clock.WaitUntil([] { return false; }, clock.NowNs() + kSecond / 50);
    }
  });
  RedisOptions options = OptionsFor(server.port());
  options.timeout = absl::Seconds(1);
  const auto store = ConnectOrDie(options);
  EXPECT_LT(Seconds([&] {
              ExpectError(store->Get("key", kLong).status(),
                          absl::StatusCode::kUnavailable, server.port(),
                          "get key 'key'", "no answer within 1s");
            }),
            5);
}

TEST(RedisStoreTest, WhatIsNotRedisIsTold) {
  FalseServer web([](int descriptor, int) {
    FalseServer::Receive(descriptor);
    FalseServer::Send(descriptor, "HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  ExpectError(RedisStore::Connect(OptionsFor(web.port())).status(),
              absl::StatusCode::kUnavailable, web.port(), "connect",
              "Protocol error, got \"H\"");
  EXPECT_EQ(web.connections(), 1);

  FalseServer counts([](int descriptor, int) {
    for (const char* answer : {"+PONG\r\n", ":17\r\n", "$1\r\nv\r\n"}) {
      FalseServer::Receive(descriptor);
      FalseServer::Send(descriptor, answer);
    }
  });
  const auto store = ConnectOrDie(OptionsFor(counts.port()));
  ExpectError(store->Get("key", kLong).status(),
              absl::StatusCode::kFailedPrecondition, counts.port(),
              "get key 'key'", "type 3");
  EXPECT_EQ(*store->Get("key", kNoTime), "v");
}

// Whose queue of connections is full, so that it hears of no further one.
TEST(RedisStoreTest, AServerThatTakesNoConnectionEndsNothingLate) {
  FalseServer server(nullptr);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(server.port()));
  std::vector<int> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    connect(waiting.back(), reinterpret_cast<sockaddr*>(&address),
            sizeof(address));
  }
  RedisOptions options = OptionsFor(server.port());
  options.timeout = absl::Milliseconds(300);
  EXPECT_LT(Seconds([&] {
              ExpectError(RedisStore::Connect(options).status(),
                          absl::StatusCode::kUnavailable, server.port(),
                          "connect", "no answer within 300ms");
            }),
            10);
  for (const int descriptor : waiting) close(descriptor);
}

}  // namespace
}  // namespace parley
