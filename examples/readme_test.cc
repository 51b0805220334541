// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The README shows programs that are built and run: each of its C++ blocks is,
// to the byte, a part of one of the examples, and each example is shown.
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// What stands between "```cpp" and "```".
std::vector<std::string> CppBlocks(const std::string& markdown) {
  const std::string begin = "\n```cpp\n";
  std::vector<std::string> blocks;
  size_t at = 0;
  while ((at = markdown.find(begin, at)) != std::string::npos) {
    at += begin.size();
    const size_t end = markdown.find("```", at);
    blocks.push_back(markdown.substr(at, end - at));
    at = end;
  }
  return blocks;
}

TEST(ReadmeTest, ShowsTheExamples) {
  const std::vector<std::string> blocks =
      CppBlocks(ReadFile(std::getenv("README")));
  std::istringstream paths(std::getenv("EXAMPLES"));
  std::vector<std::string> examples;
  for (std::string path; paths >> path;) examples.push_back(ReadFile(path));

  ASSERT_EQ(blocks.size(), examples.size());
  for (size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_NE(examples[i].find(blocks[i]), std::string::npos)
        << "not a part of example " << i << ":\n"
        << blocks[i];
  }
}

}  // namespace
