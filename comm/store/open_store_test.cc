// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/store/open_store.h"

#include <cstdlib>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/base/clock.h"
#include "parley/comm/store/environment.h"
#include "parley/comm/store/file_store.h"
#include "parley/comm/store/testing/redis_server.h"

namespace parley {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& name) {
  LaunchEnvironment environment;
  environment.store = name;
  return OpenStore(environment);
}

TEST(OpenStoreTest, AFolder) {
  const std::string folder =
      absl::StrCat(std::getenv("TEST_TMPDIR"), "/a folder:1");
  const auto store = Open(folder);
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE((*store)->Set("key", "v").ok());
  EXPECT_EQ(*FileStore(folder, SteadyClock()).Get("key", absl::ZeroDuration()),
            "v");
}

TEST(OpenStoreTest, ARedisServer) {
  testing::RedisServer server;
  const auto store = Open(server.Url("job"));
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE((*store)->Set("key", "v").ok());
  EXPECT_EQ(server.Do({"GET", "job:key"}), "v");

  // Found out now, not when ranks are waited for.
  server.Kill();
  EXPECT_EQ(Open(server.Url("job")).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST(OpenStoreTest, NamesTheVariableThatIsWrong) {
  const absl::Status none = Open("").status();
  EXPECT_EQ(none.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(none.message()),
              HasSubstr("PARLEY_STORE is not set"));
  for (const std::string url :
       {"redis://:secret@h", "http://:secret@h/job", "redis://h:x/job"}) {
    const absl::Status status = Open(url).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << url;
    EXPECT_THAT(
        std::string(status.message()),
        AllOf(HasSubstr("PARLEY_STORE="), HasSubstr("expected redis://"),
              Not(HasSubstr("secret"))));
  }
}

}  // namespace
}  // namespace parley
