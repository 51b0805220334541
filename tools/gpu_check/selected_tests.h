// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// RUN_ALL_TESTS() for programs that are told which tests to run: none at all is
// a failure.
//
// Thread-safety: once.
#ifndef PARLEY_TOOLS_GPU_CHECK_SELECTED_TESTS_H_
#define PARLEY_TOOLS_GPU_CHECK_SELECTED_TESTS_H_

#include <iostream>

#include "gtest/gtest.h"

namespace parley::gpu_check {

// The program's exit code.
inline int RunSelectedTests() {
  const int failed = RUN_ALL_TESTS();
  const int selected = ::testing::UnitTest::GetInstance()->test_to_run_count();
  if (selected == 0) std::cerr << "no test has such a name\n";
  return failed != 0 || selected == 0 ? 1 : 0;
}

}  // namespace parley::gpu_check

#endif  // PARLEY_TOOLS_GPU_CHECK_SELECTED_TESTS_H_
