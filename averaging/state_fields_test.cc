// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/state_fields.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace parley {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Written() {
  StateWriter writer("ema");
  writer.SetInteger("count", 7);
  writer.SetText("average", "ema");
  writer.SetBits("decay_bits", 0x3fe0000000000000u);
  return writer.ToJson();
}

absl::Status ReadAll(const std::string& description) {
  const auto reader = StateReader::Parse(description, "ema");
  if (!reader.ok()) return reader.status();
  for (const absl::Status& status :
       {reader->Integer("count").status(), reader->ExpectInteger("count", 7),
        reader->ExpectText("average", "ema"),
        reader->ExpectBits("decay_bits", 0x3fe0000000000000u)}) {
    if (!status.ok()) return status;
  }
  return reader->CheckChecksum();
}

std::string ErrorWith(absl::string_view from, absl::string_view to) {
  return std::string(
      ReadAll(absl::StrReplaceAll(Written(), {{from, to}})).message());
}

TEST(StateFieldsTest, WhatIsWrittenIsRead) {
  EXPECT_TRUE(ReadAll(Written()).ok()) << ReadAll(Written());
}

TEST(StateFieldsTest, WhitespaceDoesNotMatter) {
  EXPECT_EQ(ErrorWith(",", ",\n  "), "");
}

TEST(StateFieldsTest, ErrorsNameTheField) {
  EXPECT_EQ(ErrorWith("\"count\":7", "\"count\":\"7\""),
            "state: count: \"7\", must be an integer");
  EXPECT_EQ(ErrorWith("\"count\":7", "\"count\":7.5"),
            "state: count: 7.5, must be an integer");
  EXPECT_EQ(ErrorWith("\"count\":7", "\"count\":-7"),
            "state: count: -7, must be at least 0");
  EXPECT_EQ(ErrorWith("\"count\":7", "\"count\":8"),
            "state: count: 8 in the state, 7 here");
  EXPECT_EQ(ErrorWith("\"count\":7", "\"count\":18446744073709551615"),
            "state: count: 18446744073709551615, must be an integer");
  EXPECT_EQ(ErrorWith("\"count\":7,", ""), "state: count: missing");
  EXPECT_EQ(ErrorWith("\"0x3fe0000000000000\"", "\"0x3fe\""),
            "state: decay_bits: 0x3fe, must be 0x and 16 hex digits");
  EXPECT_EQ(ErrorWith("\"average\":\"ema\"", "\"average\":3"),
            "state: average: 3, must be a text");
  EXPECT_EQ(ErrorWith("\"kind\":\"ema\"", "\"kind\":\"swa\""),
            "state: kind: swa in the state, ema here");
  EXPECT_EQ(ErrorWith("\"schema_version\":1", "\"schema_version\":2"),
            "state: schema_version: 2 in the state, 1 here");
  EXPECT_THAT(ErrorWith("}", ",\"more\":1}"), HasSubstr("state: checksum"));
  EXPECT_THAT(ErrorWith("}", ""), HasSubstr("state: not a JSON object"));
  EXPECT_EQ(ReadAll("").message(),
            "state: not a JSON object: is not JSON at byte 1: ");
  EXPECT_EQ(ReadAll("[1]").message(), "state: not a JSON object: [1]");
}

// One such text ended the process that restored it.
TEST(StateFieldsTest, NestedBracketsAreNoState) {
  const std::string brackets(100'000, '[');
  const absl::Status status = ReadAll(brackets);
  EXPECT_EQ(status, absl::InvalidArgumentError(absl::StrCat(
                        "state: not a JSON object: is nested more than 16 "
                        "deep: ",
                        brackets.substr(0, 60), "...")));
  EXPECT_THAT(ErrorWith("\"count\":7", "\"count\":" + brackets),
              HasSubstr("is nested more than 16 deep"));
  EXPECT_EQ(ErrorWith("\"count\":7", "\"count\":[[7]]"),
            "state: count: [[7]], must be an integer");
}

// Two readers would take two counts.
TEST(StateFieldsTest, AFieldThatStandsTwiceIsRefused) {
  EXPECT_THAT(ErrorWith("\"count\":7", "\"count\":7,\"count\":8"),
              HasSubstr("names \"count\" twice in one object"));
}

TEST(StateFieldsTest, MessagesAreShortAndPrintable) {
  const std::string text = "\\n" + std::string(1'000'000, 'x');
  for (const char* field :
       {"\"count\":7", "\"average\":\"ema\"", "\"kind\":\"ema\"",
        "\"decay_bits\":\"0x3fe0000000000000\""}) {
    const std::string name(field, std::string(field).find(':'));
    const std::string error =
        ErrorWith(field, absl::StrCat(name, ":\"", text, "\""));
    EXPECT_THAT(error, HasSubstr("nxxx"));
    EXPECT_THAT(error, Not(HasSubstr("\n")));
    EXPECT_LT(error.size(), 200u);
  }
}

}  // namespace
}  // namespace parley
