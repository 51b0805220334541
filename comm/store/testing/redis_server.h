// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// RedisServer: a Redis server of a test's own, on a free port of the loopback
// interface, with nothing in it and nothing on the disk.
//
//   RedisServer server;
//   server.Do({"CONFIG", "SET", "requirepass", "secret"});
//   ... server.Url("job") ...
//
// Debian's package redis-tools will do, which has no service that runs when it
// is installed: the server's program is in it by another name.
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_COMM_STORE_TESTING_REDIS_SERVER_H_
#define PARLEY_COMM_STORE_TESTING_REDIS_SERVER_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace parley::testing {

class RedisServer {
 public:
  // Returns when it answers; ends the program if it cannot be started.
  RedisServer();
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  int port() const { return port_; }
  std::string Url(const std::string& prefix) const;

  void Kill();     // as a crash: SIGKILL
  void Restart();  // what was killed, empty, at the same port
  void Stop();     // it answers nothing until Continue()
  void Continue();

  // What answers a command of one's own, as redis-cli shows it: the text, an
  // error's text, or a number.
  std::string Do(const std::vector<std::string>& command);

 private:
  bool Start();  // false if the port was taken
  bool IsUp();   // whether the answer comes from this server
  void Fork();

  int port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace parley::testing

#endif  // PARLEY_COMM_STORE_TESTING_REDIS_SERVER_H_
