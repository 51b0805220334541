// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/state_fields.h"

#include <limits>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "parley/base/hash.h"
#include "parley/base/json.h"
#include "parley/base/status_macros.h"

namespace parley {
namespace {

using nlohmann::json;

constexpr int64_t kSchemaVersion = 1;
constexpr char kChecksum[] = "checksum";

std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// Somebody's text, fit for a message of one line.
std::string Shown(absl::string_view text) {
  constexpr size_t kMaxShown = 60;
  return absl::StrCat(absl::Utf8SafeCHexEscape(text.substr(0, kMaxShown)),
                      text.size() > kMaxShown ? "..." : "");
}

std::string Quoted(const json& value) {
  return value.is_string()
             ? absl::StrCat("\"", Shown(value.get<std::string>()), "\"")
             : Shown(Dump(value));
}

std::string Hex(uint64_t value) {
  return absl::StrCat("0x", absl::Hex(value, absl::kZeroPad16));
}

// Of the text that the object without its checksum has here: whitespace and the
// order of fields do not matter.
std::string Checksum(json fields) {
  fields.erase(kChecksum);
  return Hex(HashString(Dump(fields)));
}

absl::Status BadField(absl::string_view name, absl::string_view problem) {
  return absl::InvalidArgumentError(
      absl::StrCat("state: ", name, ": ", problem));
}

absl::Status Differs(absl::string_view name, absl::string_view there,
                     absl::string_view here) {
  return BadField(name,
                  absl::StrCat(Shown(there), " in the state, ", here, " here"));
}

}  // namespace

StateWriter::StateWriter(absl::string_view kind) {
  SetText("kind", kind);
  SetInteger("schema_version", kSchemaVersion);
}

void StateWriter::SetInteger(absl::string_view name, int64_t value) {
  json_[std::string(name)] = value;
}

void StateWriter::SetText(absl::string_view name, absl::string_view value) {
  json_[std::string(name)] = std::string(value);
}

void StateWriter::SetBits(absl::string_view name, uint64_t value) {
  SetText(name, Hex(value));
}

std::string StateWriter::ToJson() const {
  json whole = json_;
  whole[kChecksum] = Checksum(json_);
  return Dump(whole);
}

absl::StatusOr<StateReader> StateReader::Parse(const std::string& description,
                                               absl::string_view kind) {
  absl::StatusOr<json> parsed = ParseJson(description);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("state: not a JSON object: ", parsed.status().message(),
                     ": ", Shown(description)));
  }
  if (!parsed->is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat("state: not a JSON object: ", Shown(description)));
  }
  StateReader reader(*std::move(parsed));
  PARLEY_RETURN_IF_ERROR(reader.ExpectText("kind", kind));
  PARLEY_RETURN_IF_ERROR(
      reader.ExpectInteger("schema_version", kSchemaVersion));
  return reader;
}

bool StateReader::Has(absl::string_view name) const {
  return json_.contains(std::string(name));
}

absl::StatusOr<int64_t> StateReader::Integer(absl::string_view name,
                                             int64_t least) const {
  if (!Has(name)) return BadField(name, "missing");
  const json& value = json_[std::string(name)];
  if (!value.is_number_integer() ||
      (value.is_number_unsigned() &&
       value.get<uint64_t>() > std::numeric_limits<int64_t>::max())) {
    return BadField(name, absl::StrCat(Quoted(value), ", must be an integer"));
  }
  const int64_t integer = value.get<int64_t>();
  if (integer < least) {
    return BadField(name, absl::StrCat(integer, ", must be at least ", least));
  }
  return integer;
}

absl::StatusOr<std::string> StateReader::Text(absl::string_view name) const {
  if (!Has(name)) return BadField(name, "missing");
  const json& value = json_[std::string(name)];
  if (!value.is_string()) {
    return BadField(name, absl::StrCat(Quoted(value), ", must be a text"));
  }
  return value.get<std::string>();
}

absl::StatusOr<uint64_t> StateReader::Bits(absl::string_view name) const {
  PARLEY_ASSIGN_OR_RETURN(const std::string text, Text(name));
  uint64_t bits = 0;
  if (text.size() != 18 || !absl::StartsWith(text, "0x") ||
      !absl::SimpleHexAtoi(text, &bits)) {
    return BadField(
        name, absl::StrCat(Shown(text), ", must be 0x and 16 hex digits"));
  }
  return bits;
}

absl::Status StateReader::ExpectInteger(absl::string_view name,
                                        int64_t here) const {
  PARLEY_ASSIGN_OR_RETURN(const int64_t there, Integer(name));
  if (there == here) return absl::OkStatus();
  return Differs(name, absl::StrCat(there), absl::StrCat(here));
}

absl::Status StateReader::ExpectText(absl::string_view name,
                                     absl::string_view here) const {
  PARLEY_ASSIGN_OR_RETURN(const std::string there, Text(name));
  if (there == here) return absl::OkStatus();
  return Differs(name, there, here);
}

absl::Status StateReader::ExpectBits(absl::string_view name,
                                     uint64_t here) const {
  PARLEY_ASSIGN_OR_RETURN(const uint64_t there, Bits(name));
  if (there == here) return absl::OkStatus();
  return Differs(name, Hex(there), Hex(here));
}

absl::Status StateReader::CheckChecksum() const {
  return ExpectText(kChecksum, Checksum(json_));
}

}  // namespace parley
