// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/pytorch_parity/oracle.h"

#include <bit>
#include <fstream>
#include <functional>
#include <numeric>
#include <stdexcept>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace parley::testing {
namespace {

using Json = nlohmann::json;

void Require(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

std::vector<float> ReadTensor(const Json& json, int64_t count) {
  constexpr size_t kDigits = 8;
  const auto text = json.get<std::string>();
  Require(text.size() == static_cast<size_t>(count) * kDigits,
          absl::StrCat(text.size(), " digits for ", count, " elements"));
  std::vector<float> values;
  for (size_t i = 0; i < text.size(); i += kDigits) {
    uint32_t bits = 0;
    Require(absl::SimpleHexAtoi(text.substr(i, kDigits), &bits),
            absl::StrCat("no number: ", text.substr(i, kDigits)));
    values.push_back(std::bit_cast<float>(bits));
  }
  return values;
}

std::vector<std::optional<std::vector<float>>> ReadResult(
    const Json& json, const std::vector<OracleParameter>& parameters) {
  std::vector<std::optional<std::vector<float>>> tensors(parameters.size());
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (!parameters[i].has_gradient) {
      Require(json.at(i).is_null(), "a result without a gradient");
      continue;
    }
    tensors[i] = ReadTensor(json.at(i), parameters[i].count());
  }
  return tensors;
}

OracleMeeting ReadMeeting(const Json& json, const OracleCase& oracle) {
  OracleMeeting meeting;
  for (int r = 0; r < oracle.ranks; ++r) {
    std::vector<std::vector<float>>& model = meeting.before.emplace_back();
    for (size_t i = 0; i < oracle.parameters.size(); ++i) {
      model.push_back(ReadTensor(json.at("before").at(r).at(i),
                                 oracle.parameters[i].count()));
    }
  }
  meeting.after = ReadResult(json.at("after"), oracle.parameters);
  meeting.reference = ReadResult(json.at("reference"), oracle.parameters);
  return meeting;
}

OracleCase ReadCase(const Json& json) {
  OracleCase oracle;
  json.at("name").get_to(oracle.name);
  json.at("ranks").get_to(oracle.ranks);
  json.at("period").get_to(oracle.period);
  json.at("warmup_steps").get_to(oracle.warmup_steps);
  json.at("steps").get_to(oracle.steps);
  json.at("warned").get_to(oracle.warned);
  for (const Json& parameter : json.at("parameters")) {
    oracle.parameters.push_back(
        {.name = parameter.at("name").get<std::string>(),
         .shape = parameter.at("shape").get<std::vector<int64_t>>(),
         .group = parameter.at("group").get<int>(),
         .has_gradient = parameter.at("has_gradient").get<bool>()});
  }
  std::vector<int64_t> fired;
  for (const Json& meeting : json.at("meetings")) {
    fired.push_back(meeting.at("step").get<int64_t>());
    oracle.meetings.emplace(fired.back(), ReadMeeting(meeting, oracle));
  }
  Require(fired == json.at("fired").get<std::vector<int64_t>>(),
          absl::StrCat(oracle.name, ": meetings other than those that fired"));
  return oracle;
}

}  // namespace

int64_t OracleParameter::count() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1},
                         std::multiplies<>());
}

std::vector<OracleCase> ReadOracle(const std::string& path) {
  std::ifstream file(path);
  Require(file.good(), absl::StrCat(path, ": cannot be read"));
  const Json json = Json::parse(file);
  Require(json.at("schema_version") == 1,
          absl::StrCat(path, ": another schema_version than 1"));
  std::vector<OracleCase> cases;
  for (const Json& one : json.at("cases")) cases.push_back(ReadCase(one));
  return cases;
}

}  // namespace parley::testing
