// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The values are written down in files and other tests: they must never change.
// Those of Mix64 are SplitMix64's published ones, the others were computed by
// an independent program.
#include "parley/base/hash.h"

#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace parley {
namespace {

TEST(HashTest, Mix64IsSplitMix64) {
  uint64_t state = 1234567;
  for (uint64_t expected :
       {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
        4593380528125082431u, 16408922859458223821u}) {
    state += 0x9e3779b97f4a7c15u;
    EXPECT_EQ(Mix64(state), expected);
  }
}

TEST(HashTest, GoldenValues) {
  EXPECT_EQ(HashString(""), 0xe220a8397b1dcdafu);
  EXPECT_EQ(HashString("a"), 0xce4e1d9ee574947fu);
  EXPECT_EQ(HashString("parley"), 0x987cc7e6f2d779a1u);
  EXPECT_EQ(HashString("model.layers.0.weight"), 0xe7497db494a5effdu);
  EXPECT_EQ(HashString("parley", 7), 0xfa4974f3fd764d41u);
}

TEST(HashTest, OrderMatters) {
  EXPECT_EQ(HashCombine(1, 2), 0x83b97bf58b9176c8u);
  EXPECT_EQ(HashCombine(2, 1), 0x7aa9d02a0106a1e9u);
}

TEST(HashTest, DoesNotDependOnAlignment) {
  const std::string text = "thirteen byte";
  for (size_t offset = 0; offset < 8; ++offset) {
    std::vector<char> buffer(offset + text.size());
    std::memcpy(buffer.data() + offset, text.data(), text.size());
    EXPECT_EQ(HashBytes(buffer.data() + offset, text.size()), HashString(text));
  }
}

// A length that ends inside a word must not look like zeros behind it.
TEST(HashTest, EveryLengthOfZerosDiffers) {
  const std::string zeros(64, '\0');
  std::set<uint64_t> hashes;
  for (size_t size = 0; size <= zeros.size(); ++size) {
    hashes.insert(HashBytes(zeros.data(), size));
  }
  EXPECT_EQ(hashes.size(), zeros.size() + 1);
}

TEST(HashTest, EveryBitMatters) {
  std::string text(19, 'x');
  const uint64_t before = HashString(text);
  for (size_t bit = 0; bit < 8 * text.size(); ++bit) {
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << bit % 8));
    EXPECT_NE(HashString(text), before) << "bit " << bit;
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << bit % 8));
  }
}

}  // namespace
}  // namespace parley
