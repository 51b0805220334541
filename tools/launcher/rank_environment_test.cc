// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/launcher/rank_environment.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/comm/store/environment.h"

namespace parley::tools {
namespace {

using ::testing::Contains;

TEST(RankEnvironmentTest, ReplacesItsOwnVariablesAndKeepsTheOthers) {
  setenv("RANK", "77", 1);
  setenv("RANK_OF_ANOTHER", "78", 1);
  setenv("PARLEY_STORE", "/old", 1);
  const std::vector<std::string> entries =
      RankEnvironment(2, 5, 1234, "/new/folder");
  EXPECT_THAT(entries, Contains("RANK_OF_ANOTHER=78"));
  for (const std::string expected :
       {"RANK=2", "WORLD_SIZE=5", "LOCAL_RANK=2", "LOCAL_WORLD_SIZE=5",
        "MASTER_ADDR=127.0.0.1", "MASTER_PORT=1234",
        "PARLEY_STORE=/new/folder"}) {
    const std::string name = expected.substr(0, expected.find('=') + 1);
    EXPECT_THAT(entries, Contains(expected));
    EXPECT_EQ(std::count_if(entries.begin(), entries.end(),
                            [&](const std::string& entry) {
                              return absl::StartsWith(entry, name);
                            }),
              1)
        << name;
  }
}

// What the one writes the other reads.
TEST(RankEnvironmentTest, IsWhatARankReads) {
  for (const std::string& entry : RankEnvironment(2, 5, 1234, "/new/folder")) {
    const size_t equals = entry.find('=');
    setenv(entry.substr(0, equals).c_str(), entry.substr(equals + 1).c_str(),
           1);
  }
  const absl::StatusOr<LaunchEnvironment> read = LaunchEnvironment::Read();
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->rank, 2);
  EXPECT_EQ(read->size, 5);
  EXPECT_EQ(read->local_rank, 2);
  EXPECT_EQ(read->local_size, 5);
  EXPECT_EQ(read->master_addr, "127.0.0.1");
  EXPECT_EQ(read->master_port, 1234);
  EXPECT_EQ(read->store, "/new/folder");
}

// Bound at once, it is taken; while it is bound, another is given.
TEST(FreePortTest, CanBeBound) {
  const absl::StatusOr<int> port = FreePort();
  ASSERT_TRUE(port.ok()) << port.status();
  ASSERT_GT(*port, 0);
  ASSERT_LE(*port, 65535);
  const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(*port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(
      bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)),
      0);
  for (int i = 0; i < 20; ++i) EXPECT_NE(*FreePort(), *port);
  close(descriptor);
}

}  // namespace
}  // namespace parley::tools
