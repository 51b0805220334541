// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/launcher/line_prefixer.h"

#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace parley::tools {
namespace {

// What comes of `text` when it arrives in pieces of `step` bytes.
std::string Prefixed(absl::string_view text, size_t step) {
  LinePrefixer prefixer("[3] ");
  std::string lines;
  for (size_t i = 0; i < text.size(); i += step) {
    prefixer.Add(text.substr(i, step), &lines);
    EXPECT_TRUE(lines.empty() || lines.back() == '\n');
  }
  prefixer.Finish(&lines);
  return lines;
}

TEST(LinePrefixerTest, PrefixesEachLineHoweverItArrives) {
  const absl::string_view text("\none\n\n\rtwo\0three\nlast", 21);
  const std::string expected(
      "[3] \n[3] one\n[3] \n[3] \rtwo\0three\n[3] last\n", 42);
  for (size_t step = 1; step <= text.size(); ++step) {
    EXPECT_EQ(Prefixed(text, step), expected) << step;
  }
}

TEST(LinePrefixerTest, NothingIsNoLine) {
  EXPECT_EQ(Prefixed("", 1), "");
  EXPECT_EQ(Prefixed("\n", 1), "[3] \n");
}

// Without printing both where they differ: they are long.
void ExpectPrefixed(const std::string& text, size_t step,
                    const std::string& expected) {
  EXPECT_TRUE(Prefixed(text, step) == expected)
      << text.size() << " bytes in steps of " << step;
}

TEST(LinePrefixerTest, LongLinesComeInPieces) {
  constexpr size_t kMax = LinePrefixer::kMaxLineBytes;
  const std::string full(kMax, 'x');
  for (const size_t step : {size_t{1000}, kMax - 1, kMax, 3 * kMax}) {
    // The longest is one line, not one and an empty one.
    ExpectPrefixed(full + "\nz\n", step, "[3] " + full + "\n[3] z\n");
    ExpectPrefixed(full, step, "[3] " + full + "\n");
    ExpectPrefixed(full + "y\nz\n", step, "[3] " + full + "\n[3] y\n[3] z\n");
    ExpectPrefixed(full + full + "y", step,
                   "[3] " + full + "\n[3] " + full + "\n[3] y\n");
  }
}

}  // namespace
}  // namespace parley::tools
