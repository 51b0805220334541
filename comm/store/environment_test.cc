// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/store/environment.h"

#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace parley {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Sets what torchrun sets for rank 5 of 8, the second on its machine of 4.
class LaunchEnvironmentTest : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("RANK", "5", 1);
    setenv("WORLD_SIZE", "8", 1);
    setenv("LOCAL_RANK", "1", 1);
    setenv("LOCAL_WORLD_SIZE", "4", 1);
    setenv("MASTER_ADDR", "node-7.example", 1);
    setenv("MASTER_PORT", "29500", 1);
    unsetenv("PARLEY_STORE");
  }

  static void ExpectRefused(const std::string& name, const std::string& value,
                            const std::string& why) {
    const std::string before = std::getenv(name.c_str());
    setenv(name.c_str(), value.c_str(), 1);
    const absl::Status status = LaunchEnvironment::Read().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(
        std::string(status.message()),
        AllOf(HasSubstr(" " + name + "=" + value + " "), HasSubstr(why)));
    setenv(name.c_str(), before.c_str(), 1);
  }
};

TEST_F(LaunchEnvironmentTest, ReadsWhatALauncherSets) {
  const auto environment = LaunchEnvironment::Read();
  ASSERT_TRUE(environment.ok()) << environment.status();
  EXPECT_EQ(environment->rank, 5);
  EXPECT_EQ(environment->size, 8);
  EXPECT_EQ(environment->local_rank, 1);
  EXPECT_EQ(environment->local_size, 4);
  EXPECT_EQ(environment->master_addr, "node-7.example");
  EXPECT_EQ(environment->master_port, 29500);
  EXPECT_EQ(environment->store, "");

  setenv("PARLEY_STORE", "/shared/job", 1);
  EXPECT_EQ(LaunchEnvironment::Read()->store, "/shared/job");
}

TEST_F(LaunchEnvironmentTest, TakesTheFirstAndTheLast) {
  setenv("RANK", "0", 1);
  setenv("LOCAL_RANK", "0", 1);
  setenv("MASTER_PORT", "1", 1);
  EXPECT_TRUE(LaunchEnvironment::Read().ok());
  setenv("RANK", "7", 1);
  setenv("LOCAL_RANK", "3", 1);
  setenv("MASTER_PORT", "65535", 1);
  EXPECT_TRUE(LaunchEnvironment::Read().ok());
  setenv("LOCAL_WORLD_SIZE", "8", 1);
  EXPECT_TRUE(LaunchEnvironment::Read().ok());
}

TEST_F(LaunchEnvironmentTest, NamesTheVariableThatIsMissing) {
  for (const std::string name :
       {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR",
        "MASTER_PORT"}) {
    const std::string before = std::getenv(name.c_str());
    for (const bool empty : {false, true}) {
      unsetenv(name.c_str());
      if (empty) setenv(name.c_str(), "", 1);
      const absl::Status status = LaunchEnvironment::Read().status();
      EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << name;
      EXPECT_THAT(
          std::string(status.message()),
          HasSubstr(" " + name + (empty ? " is empty" : " is not set")));
    }
    setenv(name.c_str(), before.c_str(), 1);
  }
}

TEST_F(LaunchEnvironmentTest, NamesTheValueThatIsWrong) {
  for (const std::string name : {"RANK", "WORLD_SIZE", "LOCAL_RANK",
                                 "LOCAL_WORLD_SIZE", "MASTER_PORT"}) {
    for (const std::string value : {"two", "1.5", "0x1", "99999999999", "1,"}) {
      ExpectRefused(name, value, "not a number");
    }
    ExpectRefused(name, "-1", "is not ");
  }
  ExpectRefused("RANK", "8", "from 0 to WORLD_SIZE - 1 = 7");
  ExpectRefused("WORLD_SIZE", "0", "at least 1");
  ExpectRefused("LOCAL_WORLD_SIZE", "0", "from 1 to WORLD_SIZE = 8");
  ExpectRefused("LOCAL_WORLD_SIZE", "9", "from 1 to WORLD_SIZE = 8");
  ExpectRefused("LOCAL_RANK", "4", "from 0 to LOCAL_WORLD_SIZE - 1 = 3");
  ExpectRefused("MASTER_PORT", "0", "from 1 to 65535");
  ExpectRefused("MASTER_PORT", "65536", "from 1 to 65535");
}

}  // namespace
}  // namespace parley
