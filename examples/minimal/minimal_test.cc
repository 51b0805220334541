// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs the program and checks what it prints.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"

namespace {

// What a command prints, and its exit status.
std::string RunProgram(const std::string& command, int& status) {
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return "popen failed";
  char buffer[256];
  while (std::fgets(buffer, sizeof(buffer), pipe) != nullptr) output += buffer;
  status = pclose(pipe);
  return output;
}

// The mean m of a weight over ranks moves by half its distance from 1.5, the
// mean of 0..3, at every step: after 20 of them, 2^-20 of the first distance is
// left. The last steps are taken apart, and Finish() joins the ranks again.
TEST(MinimalTest, RanksEndWithOneModel) {
  const char* program = std::getenv("PROGRAM");
  ASSERT_NE(program, nullptr);
  int status = -1;
  const std::string output = RunProgram(std::string("./") + program, status);
  EXPECT_EQ(status, 0);
  const std::string model = "model: 1.49999857 1.5000062\n";
  EXPECT_EQ(output, model + model + model + model);
}

}  // namespace
