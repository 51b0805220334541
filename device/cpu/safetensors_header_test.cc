// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What the format's reference library refuses, and what crashed readers of
// others: each is refused here, with the tensor and the field.
#include "parley/device/cpu/safetensors_header.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace parley {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// What is wrong with a header over `bytes` bytes of data; empty if nothing is.
std::string ErrorOf(absl::string_view text, uint64_t bytes = 0) {
  const auto header = ParseSafetensorsHeader(text, bytes);
  if (header.ok()) return "";
  EXPECT_EQ(header.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(header.status().message());
}

// A header with one float32 tensor "w".
std::string One(absl::string_view shape, absl::string_view offsets,
                absl::string_view dtype = "\"F32\"") {
  return absl::StrCat("{\"w\":{\"dtype\":", dtype, ",\"shape\":", shape,
                      ",\"data_offsets\":", offsets, "}}");
}

// A header with tensors "a" and "b" of uint8 and these ranges.
std::string Two(int begin_a, int end_a, int begin_b, int end_b) {
  const auto tensor = [](int begin, int end) {
    return absl::StrCat("{\"dtype\":\"U8\",\"shape\":[", end - begin,
                        "],\"data_offsets\":[", begin, ",", end, "]}");
  };
  return absl::StrCat("{\"a\":", tensor(begin_a, end_a),
                      ",\"b\":", tensor(begin_b, end_b), "}");
}

TEST(SafetensorsHeaderTest, WhatIsWrittenIsRead) {
  SafetensorsHeader header;
  header.metadata = {{"b", "2"}, {"a", "\"1\"\n\xe2\x82\xac"}};
  header.tensors = {{"z/weight", DType::kBFloat16, {2, 3}, 3, 15},
                    {"a \"quoted\" name", DType::kUInt8, {3}, 0, 3},
                    {"none", DType::kInt64, {0, 7}, 3, 3},
                    {"", DType::kFloat64, {}, 15, 23}};
  const auto text = FormatSafetensorsHeader(header);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text,
              HasSubstr("\"z/weight\":{\"dtype\":\"BF16\",\"shape\":[2,3],"
                        "\"data_offsets\":[3,15]}"));
  const auto read = ParseSafetensorsHeader(*text + "  \n", 23);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(read->metadata,
              ElementsAre(Pair("b", "2"), Pair("a", "\"1\"\n\xe2\x82\xac")));
  ASSERT_EQ(read->tensors.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(read->tensors[i].name, header.tensors[i].name);
    EXPECT_EQ(read->tensors[i].dtype, header.tensors[i].dtype);
    EXPECT_EQ(read->tensors[i].shape, header.tensors[i].shape);
    EXPECT_EQ(read->tensors[i].begin, header.tensors[i].begin);
    EXPECT_EQ(read->tensors[i].end, header.tensors[i].end);
  }
  EXPECT_EQ(*FormatSafetensorsHeader({}), "{}");
  EXPECT_EQ(ErrorOf("{}"), "");
  EXPECT_EQ(ErrorOf("{\"__metadata__\":{}}"), "");
}

TEST(SafetensorsHeaderTest, NestedBracketsAreNoTensor) {
  for (const char* open : {"[", "{\"a\":", "{\"shape\":["}) {
    std::string text = "{\"w\":";
    for (int i = 0; i < 100'000; ++i) text += open;
    EXPECT_THAT(ErrorOf(text), HasSubstr("tensor \"w\": ")) << open;
  }
  EXPECT_EQ(ErrorOf("{\"w\":[[[["),
            "tensor \"w\": is a list, which is not expected here");
  EXPECT_EQ(ErrorOf(One("[[2]]", "[0,8]")),
            "tensor \"w\": \"shape\": is a list, which is not expected here");
  EXPECT_EQ(ErrorOf("{\"__metadata__\":{\"k\":{\"l\":\"m\"}}}"),
            "the header's metadata: \"k\": is an object, which is not expected "
            "here");
}

TEST(SafetensorsHeaderTest, ShapesThatAreNotTheirBytes) {
  EXPECT_EQ(ErrorOf(One("[2]", "[0,8]"), 8), "");
  EXPECT_EQ(ErrorOf(One("[3]", "[0,8]"), 8),
            "tensor \"w\": data_offsets: [0,8], must be 12 bytes for its shape "
            "and dtype");
  EXPECT_EQ(ErrorOf(One("[2]", "[0,8]"), 7),
            "tensor \"w\": data_offsets: [0,8], but there are 7 bytes");
  EXPECT_EQ(ErrorOf(One("[2]", "[8,0]"), 8),
            "tensor \"w\": data_offsets: [8,0], must begin at 0, where the "
            "tensor before it ends");
  EXPECT_EQ(ErrorOf(One("[]", "[0,4]"), 4), "");
  EXPECT_THAT(ErrorOf(One("[0]", "[0,4]"), 4), HasSubstr("must be 0 bytes"));
}

TEST(SafetensorsHeaderTest, SizesThatOverflow) {
  const std::string two63 = "9223372036854775808";
  const std::string two62 = "4611686018427387904";
  const std::string two40 = "1099511627776";
  EXPECT_EQ(ErrorOf(One("[" + two63 + "]", "[0,0]")),
            "tensor \"w\": \"shape\": " + two63 + ", must be at most 2^63 - 1");
  // In bytes, 2^64, which is 0 in 64 bits.
  EXPECT_EQ(ErrorOf(One("[" + two62 + "]", "[0,0]")),
            "tensor \"w\": shape: [" + two62 + "], has 2^63 bytes or more");
  for (const std::string& shape :
       {two40 + "," + two40 + ",0", "0," + two40 + "," + two40}) {
    EXPECT_EQ(ErrorOf(One("[" + shape + "]", "[0,0]")),
              "tensor \"w\": shape: [" + shape + "], has 2^63 bytes or more");
  }
  EXPECT_EQ(ErrorOf(One("[" + two40 + ",0]", "[0,0]")), "");
  EXPECT_THAT(ErrorOf(One("[2]", "[0," + two63 + "]"), 8),
              HasSubstr("must be 8 bytes"));
  EXPECT_THAT(ErrorOf(One("[2]", "[" + two63 + "," + two63 + "]"), 8),
              HasSubstr("must begin at 0"));
  EXPECT_EQ(ErrorOf(One("[18446744073709551616]", "[0,0]")),
            "tensor \"w\": \"shape\": is a number that is not whole or has "
            "more than 64 bits, which is not expected here");
}

TEST(SafetensorsHeaderTest, FieldsOfAnotherKind) {
  EXPECT_EQ(ErrorOf(One("[2]", "[0,8]", "\"F31\""), 8),
            "tensor \"w\": \"dtype\": \"F31\", must be one of F32, F64, F16, "
            "BF16, I32, I64, U8, BOOL");
  EXPECT_EQ(ErrorOf(One("[2]", "[0,8]", "7"), 8),
            "tensor \"w\": \"dtype\": is a number, which is not expected here");
  EXPECT_EQ(ErrorOf(One("[-2]", "[0,8]"), 8),
            "tensor \"w\": \"shape\": is a negative number, which is not "
            "expected here");
  EXPECT_THAT(ErrorOf(One("[2.0]", "[0,8]"), 8), HasSubstr("not whole"));
  EXPECT_THAT(ErrorOf(One("[2]", "[0,8,9]"), 8),
              HasSubstr("must be two numbers"));
  EXPECT_THAT(ErrorOf(One("\"2\"", "[0,8]"), 8), HasSubstr("is a text"));
  EXPECT_EQ(ErrorOf(One("[1,1,1,1,1,1,1,1,2]", "[0,8]"), 8),
            "tensor \"w\": \"shape\": more than 8 numbers");
  EXPECT_EQ(ErrorOf("{\"w\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8),
            "tensor \"w\": has only [dtype,shape] of dtype, shape and "
            "data_offsets");
  EXPECT_EQ(ErrorOf("{\"w\":{\"type\":\"F32\"}}", 8),
            "tensor \"w\": \"type\": must be dtype, shape or data_offsets");
  EXPECT_EQ(ErrorOf("{\"w\":null}"),
            "tensor \"w\": is null, which is not expected here");
  EXPECT_EQ(ErrorOf("{\"__metadata__\":true}"),
            "tensor \"__metadata__\": is a truth value, which is not expected "
            "here");
}

// One file that two readers would read differently.
TEST(SafetensorsHeaderTest, EveryByteBelongsToOneTensor) {
  EXPECT_EQ(ErrorOf(Two(0, 5, 5, 9), 9), "");
  EXPECT_EQ(ErrorOf(Two(0, 5, 5, 9), 25),
            "16 bytes behind the last tensor are no tensor's");
  EXPECT_EQ(ErrorOf("{}", 1), "1 bytes behind the last tensor are no tensor's");
  EXPECT_EQ(ErrorOf(Two(0, 5, 6, 9), 9),
            "tensor \"b\": data_offsets: [6,9], must begin at 5, where the "
            "tensor before it ends");
  EXPECT_EQ(ErrorOf(Two(0, 5, 0, 5), 5),
            "tensor \"b\": data_offsets: [0,5], must begin at 5, where the "
            "tensor before it ends");
  EXPECT_EQ(ErrorOf(Two(1, 5, 5, 9), 9),
            "tensor \"a\": data_offsets: [1,5], must begin at 0, where the "
            "tensor before it ends");
}

TEST(SafetensorsHeaderTest, KeysInAnotherOrderThanOffsets) {
  const auto header = ParseSafetensorsHeader(Two(4, 9, 0, 4), 9);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->tensors[0].name, "a");
  EXPECT_EQ(header->tensors[0].begin, 4u);
}

TEST(SafetensorsHeaderTest, DuplicateKeys) {
  const std::string tensor =
      "{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}";
  EXPECT_EQ(ErrorOf(absl::StrCat("{\"w\":", tensor, ",\"v\":", tensor,
                                 ",\"w\":", tensor, "}")),
            "tensor \"w\": the name is used twice");
  EXPECT_EQ(ErrorOf(absl::StrCat("{\"\":", tensor, ",\"\":", tensor, "}")),
            "tensor \"\": the name is used twice");
  // Another spelling of the same key.
  EXPECT_EQ(
      ErrorOf(absl::StrCat("{\"w\":", tensor, ",\"\\u0077\":", tensor, "}")),
      "tensor \"w\": the name is used twice");
  EXPECT_EQ(ErrorOf("{\"__metadata__\":{},\"__metadata__\":{}}"),
            "tensor \"__metadata__\": stands twice");
  EXPECT_EQ(ErrorOf("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}"),
            "the header's metadata: \"k\": stands twice");
  EXPECT_EQ(ErrorOf("{\"w\":{\"dtype\":\"U8\",\"dtype\":\"F32\"}}"),
            "tensor \"w\": \"dtype\": stands twice");
}

TEST(SafetensorsHeaderTest, WhatIsNoJsonObject) {
  EXPECT_EQ(ErrorOf("{\"w\""), "the header is not JSON at byte 5");
  EXPECT_EQ(ErrorOf("{} {}"), "the header is not JSON at byte 4");
  EXPECT_THAT(ErrorOf("{\"\xff\":"), HasSubstr("is not JSON at byte"));
  // Parsers differ on where these begin and end.
  const std::string expected =
      "the header must be a JSON object and without zero bytes";
  EXPECT_EQ(ErrorOf(""), expected);
  EXPECT_EQ(ErrorOf("[]"), expected);
  EXPECT_EQ(ErrorOf(" {}"), expected);
  EXPECT_EQ(ErrorOf("\xef\xbb\xbf{}"), expected);
  EXPECT_EQ(ErrorOf(absl::string_view("{}\0{}", 5)), expected);
}

// Names are hostile, too.
TEST(SafetensorsHeaderTest, MessagesAreShortAndPrintable) {
  const std::string name = "\\u001b" + std::string(1'000'000, 'n');
  const std::string error = ErrorOf("{\"" + name + "\":1}");
  EXPECT_THAT(error, HasSubstr("tensor \"\\x1bnnn"));
  EXPECT_LT(error.size(), 200u);
}

TEST(SafetensorsHeaderTest, WhatCannotBeWritten) {
  const auto error = [](const std::vector<std::string>& names) {
    SafetensorsHeader header;
    for (const std::string& name : names) {
      header.tensors.push_back({name, DType::kFloat32, {0}, 0, 0});
    }
    return FormatSafetensorsHeader(header).status();
  };
  EXPECT_TRUE(error({"a", "b"}).ok());
  EXPECT_EQ(error({"a", "b", "a"}),
            absl::InvalidArgumentError("tensor \"a\": the name is used twice"));
  EXPECT_EQ(error({"__metadata__"}),
            absl::InvalidArgumentError("tensor \"__metadata__\": the format "
                                       "keeps this name for itself"));
  EXPECT_EQ(error({"a\xff"}),
            absl::InvalidArgumentError("\"a\\xff\": must be UTF-8 in a file"));
  SafetensorsHeader header;
  header.metadata = {{"k", "\xc0"}};
  EXPECT_EQ(FormatSafetensorsHeader(header).status(),
            absl::InvalidArgumentError("\"\\xc0\": must be UTF-8 in a file"));
}

}  // namespace
}  // namespace parley
