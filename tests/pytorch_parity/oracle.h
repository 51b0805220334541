// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// oracle.json, read: what PyTorch's averager was given and what it made of it.
// The layout is described in generate.py, and the same words are used here.
#ifndef PARLEY_TESTS_PYTORCH_PARITY_ORACLE_H_
#define PARLEY_TESTS_PYTORCH_PARITY_ORACLE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace parley::testing {

struct OracleParameter {
  std::string name;
  std::vector<int64_t> shape;
  int group = 0;
  bool has_gradient = true;

  int64_t count() const;
};

struct OracleMeeting {
  std::vector<std::vector<std::vector<float>>> before;  // [rank][parameter]
  // By parameter; nullopt without a gradient.
  std::vector<std::optional<std::vector<float>>> after;
  std::vector<std::optional<std::vector<float>>> reference;
};

struct OracleCase {
  std::string name;
  int ranks = 0;
  int64_t period = 0;
  int64_t warmup_steps = 0;
  int64_t steps = 0;
  bool warned = false;
  std::vector<OracleParameter> parameters;
  std::map<int64_t, OracleMeeting> meetings;  // by step: those in `fired`
};

// Throws, saying what is wrong, for a file that is not there, is not whole or
// has another schema_version.
std::vector<OracleCase> ReadOracle(const std::string& path);

}  // namespace parley::testing

#endif  // PARLEY_TESTS_PYTORCH_PARITY_ORACLE_H_
