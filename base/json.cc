// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/base/json.h"

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace parley {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxDepth = 16;
constexpr size_t kMaxShown = 60;

// Looks at the text piece by piece, and keeps the names of open objects only.
class Checker : public nlohmann::json_sax<Json> {
 public:
  const absl::Status& status() const { return status_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(int64_t) override { return true; }
  bool number_unsigned(uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(Json::binary_t&) override { return true; }

  bool start_object(size_t) override { return Open(); }
  bool start_array(size_t) override { return Open(); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool key(std::string& name) override {
    if (names_.back().insert(name).second) return true;
    return Fail(absl::StrCat("names \"",
                             absl::CHexEscape(name.substr(0, kMaxShown)),
                             "\" twice in one object"));
  }

  bool parse_error(size_t at, const std::string&,
                   const Json::exception&) override {
    return Fail(absl::StrCat("is not JSON at byte ", at));
  }

 private:
  bool Open() {
    if (names_.size() == kMaxDepth) {
      return Fail(absl::StrCat("is nested more than ", kMaxDepth, " deep"));
    }
    names_.emplace_back();
    return true;
  }

  bool Close() {
    names_.pop_back();
    return true;
  }

  bool Fail(absl::string_view problem) {
    status_ = absl::InvalidArgumentError(problem);
    return false;
  }

  std::vector<std::set<std::string>> names_;  // of each open object or list
  absl::Status status_;
};

}  // namespace

absl::Status CheckJson(absl::string_view text) {
  // The parser takes it for the end of the text.
  if (absl::StrContains(text, '\0')) {
    return absl::InvalidArgumentError("holds a zero byte");
  }
  Checker checker;
  Json::sax_parse(text.begin(), text.end(), &checker);
  return checker.status();
}

}  // namespace parley
