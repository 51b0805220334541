// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/nccl/flight_dump.h"

#include <array>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "parley/base/json.h"
#include "parley/base/status_macros.h"

namespace parley {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<FlightState, 4> kStates = {
    FlightState::kScheduled, FlightState::kStarted, FlightState::kCompleted,
    FlightState::kFailed};

Json ToJson(const FlightCommunicator& communicator) {
  return {{"name", communicator.name},
          {"rank", communicator.rank},
          {"size", communicator.size},
          {"scheduled", communicator.scheduled}};
}

Json ToJson(const FlightOperation& operation) {
  return {{"communicator", operation.communicator},
          {"sequence", operation.sequence},
          {"op", operation.op},
          {"dtype", operation.dtype},
          {"tensors", operation.tensors},
          {"elements", operation.elements},
          {"signature", absl::StrFormat("%016x", operation.signature)},
          {"state", std::string(Name(operation.state))},
          {"scheduled_ns", operation.scheduled_ns},
          {"started_ns", operation.started_ns},
          {"ended_ns", operation.ended_ns}};
}

absl::Status Bad(absl::string_view where, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("flight recorder's dump: ", where, " ", what));
}

// Reads the fields of one object; remembers the first that is not as it should
// be.
class Fields {
 public:
  Fields(const Json& json, std::string where)
      : json_(json), where_(std::move(where)) {
    if (!json.is_object()) status_ = Bad(where_, "is not an object");
  }

  void Text(const char* name, std::string& to) {
    const Json* field = Find(name);
    if (field == nullptr) return;
    if (!field->is_string()) return Fail(name, "is not text");
    to = field->get<std::string>();
  }

  void Integer(const char* name, int64_t& to) {
    const Json* field = Find(name);
    if (field == nullptr) return;
    if (!field->is_number_integer()) return Fail(name, "is not an integer");
    to = field->get<int64_t>();
  }

  void Integer(const char* name, int& to) {
    int64_t value = 0;
    Integer(name, value);
    if (value < 0 || value > std::numeric_limits<int>::max()) {
      return Fail(name, absl::StrCat("is ", value));
    }
    to = static_cast<int>(value);
  }

  // The field, an array; null where there is none.
  const Json* Array(const char* name) {
    const Json* field = Find(name);
    if (field == nullptr || field->is_array()) return field;
    Fail(name, "is not an array");
    return nullptr;
  }

  void Fail(const char* name, absl::string_view what) {
    if (status_.ok()) status_ = Bad(absl::StrCat(where_, ".", name), what);
  }

  const absl::Status& status() const { return status_; }

 private:
  const Json* Find(const char* name) {
    if (!status_.ok()) return nullptr;
    const auto found = json_.find(name);
    if (found != json_.end()) return &*found;
    Fail(name, "is missing");
    return nullptr;
  }

  const Json& json_;
  const std::string where_;
  absl::Status status_;
};

absl::Status Parse(const Json& json, std::string where,
                   FlightCommunicator& to) {
  Fields fields(json, std::move(where));
  fields.Text("name", to.name);
  fields.Integer("rank", to.rank);
  fields.Integer("size", to.size);
  fields.Integer("scheduled", to.scheduled);
  return fields.status();
}

absl::Status Parse(const Json& json, std::string where, FlightOperation& to) {
  Fields fields(json, std::move(where));
  std::string state, signature;
  fields.Text("communicator", to.communicator);
  fields.Integer("sequence", to.sequence);
  fields.Text("op", to.op);
  fields.Text("dtype", to.dtype);
  fields.Integer("tensors", to.tensors);
  fields.Integer("elements", to.elements);
  fields.Text("signature", signature);
  fields.Text("state", state);
  fields.Integer("scheduled_ns", to.scheduled_ns);
  fields.Integer("started_ns", to.started_ns);
  fields.Integer("ended_ns", to.ended_ns);
  PARLEY_RETURN_IF_ERROR(fields.status());
  if (signature.size() != 16 ||
      !absl::SimpleHexAtoi(signature, &to.signature)) {
    fields.Fail("signature", absl::StrCat("is '", signature, "'"));
  }
  bool known = false;
  for (FlightState each : kStates) {
    if (Name(each) != state) continue;
    to.state = each;
    known = true;
  }
  if (!known) fields.Fail("state", absl::StrCat("is '", state, "'"));
  return fields.status();
}

template <typename T>
absl::Status ParseList(const Json* list, const char* name, std::vector<T>& to) {
  if (list == nullptr) return absl::OkStatus();
  for (const Json& element : *list) {
    to.emplace_back();
    PARLEY_RETURN_IF_ERROR(
        Parse(element, absl::StrCat(name, "[", to.size() - 1, "]"), to.back()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view Name(FlightState state) {
  switch (state) {
    case FlightState::kScheduled:
      return "scheduled";
    case FlightState::kStarted:
      return "started";
    case FlightState::kCompleted:
      return "completed";
    case FlightState::kFailed:
      return "failed";
  }
  return "";
}

std::string FlightOperation::ToString() const {
  std::string text = absl::StrCat("#", sequence, " ", op);
  if (tensors == 1) {
    absl::StrAppend(&text, " ", dtype, "[", elements, "]");
  } else if (tensors > 1) {
    absl::StrAppend(&text, " of ", tensors, " tensors, ", dtype, "[", elements,
                    "] in all");
  }
  return text;
}

std::string FlightDump::ToJson() const {
  Json json = {{"schema_version", kFlightSchemaVersion},
               {"rank", rank},
               {"size", size},
               {"reason", reason},
               {"time_ns", time_ns},
               {"communicators", Json::array()},
               {"operations", Json::array()}};
  for (const FlightCommunicator& communicator : communicators) {
    json["communicators"].push_back(parley::ToJson(communicator));
  }
  for (const FlightOperation& operation : operations) {
    json["operations"].push_back(parley::ToJson(operation));
  }
  // A reason may quote bytes that are not UTF-8.
  return json.dump(1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<FlightDump> ParseFlightDump(absl::string_view json) {
  const absl::StatusOr<Json> parsed = ParseJson<Json>(json);
  if (!parsed.ok()) return Bad("the text", parsed.status().message());
  Fields fields(*parsed, "the dump");
  int version = 0;
  fields.Integer("schema_version", version);
  if (fields.status().ok() && version != kFlightSchemaVersion) {
    fields.Fail("schema_version", absl::StrCat("is ", version, ", expected ",
                                               kFlightSchemaVersion));
  }
  FlightDump dump;
  fields.Integer("rank", dump.rank);
  fields.Integer("size", dump.size);
  fields.Text("reason", dump.reason);
  fields.Integer("time_ns", dump.time_ns);
  const Json* communicators = fields.Array("communicators");
  const Json* operations = fields.Array("operations");
  PARLEY_RETURN_IF_ERROR(fields.status());
  PARLEY_RETURN_IF_ERROR(
      ParseList(communicators, "communicators", dump.communicators));
  PARLEY_RETURN_IF_ERROR(ParseList(operations, "operations", dump.operations));
  return dump;
}

}  // namespace parley
