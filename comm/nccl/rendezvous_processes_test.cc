// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Meet() between processes, as ranks of a job are, over each store that
// PARLEY_STORE can name.
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "parley/base/clock.h"
#include "parley/base/status_macros.h"
#include "parley/comm/nccl/rendezvous.h"
#include "parley/comm/store/environment.h"
#include "parley/comm/store/open_store.h"
#include "parley/comm/store/testing/redis_server.h"

namespace parley::nccl {
namespace {

constexpr int64_t kMinuteNs = 60'000'000'000;

// What rank `rank` does; its own process number is its value.
absl::StatusOr<std::string> MeetAs(int rank, const std::string& store_name) {
  LaunchEnvironment environment;
  environment.store = store_name;
  PARLEY_ASSIGN_OR_RETURN(const auto store, OpenStore(environment));
  Clock& clock = SteadyClock();
  return Meet({.store = *store,
               .clock = clock,
               .name = "world/0/create",
               .ranks = {0, 1, 2},
               .rank = rank,
               .attempt = 1,
               .deadline_ns = clock.NowNs() + kMinuteNs},
              absl::StrCat(getpid()),
              [](const std::vector<std::string>& values) {
                // With bytes that end a value elsewhere, as a unique id has.
                return absl::StatusOr<std::string>(absl::StrCat(
                    std::string("\0\r\n ", 4), absl::StrJoin(values, ";")));
              });
}

// Gives what each rank prints, and an error's text for a rank that fails.
std::vector<std::string> MeetInProcesses(const std::string& store_name,
                                         std::vector<pid_t>* processes) {
  std::vector<int> pipes;
  for (int rank = 0; rank < 3; ++rank) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      const auto result = MeetAs(rank, store_name);
      const std::string text =
          result.ok() ? *result : result.status().ToString();
      const bool written = write(ends[1], text.data(), text.size()) ==
                           static_cast<ssize_t>(text.size());
      _exit(written && result.ok() ? 0 : 1);
    }
    close(ends[1]);
    pipes.push_back(ends[0]);
    processes->push_back(child);
  }
  std::vector<std::string> texts;
  for (int rank = 0; rank < 3; ++rank) {
    char bytes[1000];
    std::string text;
    ssize_t size = 0;
    while ((size = read(pipes[rank], bytes, sizeof(bytes))) > 0) {
      text.append(bytes, static_cast<size_t>(size));
    }
    close(pipes[rank]);
    int status = 0;
    EXPECT_EQ(waitpid((*processes)[rank], &status, 0), (*processes)[rank]);
    EXPECT_EQ(status, 0) << "rank " << rank << ": " << text;
    texts.push_back(text);
  }
  return texts;
}

void ExpectAllGetTheLeadersDecision(const std::string& store_name) {
  std::vector<pid_t> processes;
  const std::vector<std::string> texts =
      MeetInProcesses(store_name, &processes);
  const std::string expected =
      absl::StrCat(std::string("\0\r\n ", 4), absl::StrJoin(processes, ";"));
  for (const std::string& text : texts) EXPECT_EQ(text, expected);
}

TEST(RendezvousProcessesTest, OverAFolder) {
  ExpectAllGetTheLeadersDecision(
      absl::StrCat(std::getenv("TEST_TMPDIR"), "/job"));
}

TEST(RendezvousProcessesTest, OverARedisServer) {
  testing::RedisServer server;
  ExpectAllGetTheLeadersDecision(server.Url("job"));
}

}  // namespace
}  // namespace parley::nccl
