// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/store/redis_options.h"

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace parley {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(RedisOptionsTest, ReadsAUrl) {
  auto options = RedisOptions::FromUrl("redis://node-7.example/job-17");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->host, "node-7.example");
  EXPECT_EQ(options->port, 6379);
  EXPECT_EQ(options->user, "");
  EXPECT_EQ(options->password, "");
  EXPECT_EQ(options->prefix, "job-17");
  EXPECT_EQ(options->Address(), "node-7.example:6379");

  // All of it, with bytes that would otherwise end a part.
  options = RedisOptions::FromUrl(
      "redis://me%3a:a%2Fb%40@c%25%00:@[fe80::1]:65535/team/%6aob%20%3F");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->user, "me:");
  EXPECT_EQ(options->password, std::string("a/b@@c%\0:", 9));
  EXPECT_EQ(options->host, "fe80::1");
  EXPECT_EQ(options->port, 65535);
  EXPECT_EQ(options->prefix, "team/job ?");
  EXPECT_EQ(options->Address(), "[fe80::1]:65535");

  options = RedisOptions::FromUrl("redis://:p@h:1/j");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->user, "");
  EXPECT_EQ(options->password, "p");
  EXPECT_EQ(options->Address(), "h:1");
}

TEST(RedisOptionsTest, SaysWhatIsWrongWithAUrl) {
  const struct {
    std::string url, why;
  } cases[] = {
      {"", "not redis://"},
      {"rediss://h/j", "not redis://"},
      {"redis:/h/j", "not redis://"},
      {"redis:///j", "no host"},
      {"redis://:6379/j", "no host"},
      {"redis://[]/j", "no host"},
      {"redis://h", "no prefix"},
      {"redis://h/", "no prefix"},
      {"redis://h/a:b", "the prefix 'a:b' has a ':'"},
      {"redis://h/a%3ab", "the prefix 'a:b' has a ':'"},
      {"redis://h/j?db=1", "a '?' or '#'"},
      {"redis://h/j#1", "a '?' or '#'"},
      {"redis://h:/j", "the port '' is not a number"},
      {"redis://h:x/j", "the port 'x' is not a number"},
      {"redis://::1/j", "the port ':1' is not a number"},
      {"redis://[::1/j", "a '[' without its ']'"},
      {"redis://[::1]6379/j", "the port '6379' is not a number"},
      {"redis://h:0/j", "the port 0 is not from 1 to 65535"},
      {"redis://h:65536/j", "the port 65536 is not from 1 to 65535"},
      {"redis://me@h/j", "a user, no password"},
      {"redis://me:@h/j", "a user, no password"},
      {"redis://h/a@b", "an '@' after a '/'"},
      {"redis://h/%4", "a '%'"},
      {"redis://h/%4g", "a '%'"},
      {"redis://%:p@h/j", "a '%'"},
      {"redis://:%@h/j", "a '%'"},
  };
  for (const auto& [url, why] : cases) {
    const absl::Status status = RedisOptions::FromUrl(url).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << url;
    EXPECT_THAT(std::string(status.message()), HasSubstr(": " + why)) << url;
  }
}

TEST(RedisOptionsTest, NeverShowsThePassword) {
  for (const std::string url :
       {"redis://me:secret@h:0/j", "redis://:secret@/j", "redis://:secret%@h/j",
        "redis://:secret@h/a:b", "rediss://:secret@h/j", "redis://:secret/@h/j",
        "redis://me/very:secret@h/j", "redis://:secret?@h/j"}) {
    const absl::Status status = RedisOptions::FromUrl(url).status();
    EXPECT_FALSE(status.ok()) << url;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("secret")));
  }
}

TEST(RedisOptionsTest, RefusesATimeoutThatIsNone) {
  RedisOptions options = *RedisOptions::FromUrl("redis://h/j");
  EXPECT_TRUE(options.Validate().ok());
  options.timeout = absl::ZeroDuration();
  EXPECT_THAT(std::string(options.Validate().message()),
              HasSubstr("the timeout 0 is not positive"));
}

}  // namespace
}  // namespace parley
