// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/base/json.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace parley {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(absl::string_view text) {
  const auto json = ParseJson(text);
  if (json.ok()) return "";
  EXPECT_EQ(json.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(json.status().message());
}

std::string Nested(int depth, const std::string& open,
                   const std::string& close) {
  std::string text;
  for (int i = 0; i < depth; ++i) text += open;
  text += "1";
  for (int i = 0; i < depth; ++i) text += close;
  return text;
}

TEST(JsonTest, GivesWhatTheTextSays) {
  const auto json = ParseJson(R"({"b": [1, -2, 0.5], "a": {"b": null}})");
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(*json,
            nlohmann::json({{"a", {{"b", nullptr}}}, {"b", {1, -2, 0.5}}}));
  const auto ordered =
      ParseJson<nlohmann::ordered_json>(R"({"b": true, "a": "x"})");
  ASSERT_TRUE(ordered.ok()) << ordered.status();
  EXPECT_EQ(ordered->dump(), R"({"b":true,"a":"x"})");
}

TEST(JsonTest, DepthIsBounded) {
  EXPECT_EQ(ErrorOf(Nested(16, "[", "]")), "");
  EXPECT_EQ(ErrorOf(Nested(16, "{\"a\":", "}")), "");
  EXPECT_EQ(ErrorOf(Nested(17, "[", "]")), "is nested more than 16 deep");
  EXPECT_EQ(ErrorOf(Nested(17, "{\"a\":", "}")), "is nested more than 16 deep");
  EXPECT_EQ(ErrorOf(std::string(100'000, '[')), "is nested more than 16 deep");
  // Side by side is not nested.
  std::string text = "[[1]";
  for (int i = 0; i < 100; ++i) text += ",[1]";
  EXPECT_EQ(ErrorOf(text + "]"), "");
}

TEST(JsonTest, NamesAreUniqueInTheirObject) {
  EXPECT_EQ(ErrorOf(R"({"a": 1, "b": {"a": 1}, "c": {"a": 1}})"), "");
  EXPECT_EQ(ErrorOf(R"({"a": 1, "a": 1})"), "names \"a\" twice in one object");
  EXPECT_EQ(ErrorOf(R"({"a": {"b": 1}, "a": 2})"),
            "names \"a\" twice in one object");
  EXPECT_EQ(ErrorOf(R"([{"x": {"b\n": 1, "b\u000a": 2}}])"),
            "names \"b\\n\" twice in one object");
}

TEST(JsonTest, WhatIsNotJson) {
  EXPECT_EQ(ErrorOf(""), "is not JSON at byte 1");
  EXPECT_EQ(ErrorOf("{\"a\": }"), "is not JSON at byte 7");
  EXPECT_EQ(ErrorOf("{} {}"), "is not JSON at byte 4");
  EXPECT_THAT(ErrorOf("\"\xff\""), HasSubstr("is not JSON at byte"));
  EXPECT_EQ(ErrorOf(absl::string_view("{}\0{}", 5)), "holds a zero byte");
}

}  // namespace
}  // namespace parley
