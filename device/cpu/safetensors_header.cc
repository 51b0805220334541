// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/cpu/safetensors_header.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/optional.h"
#include "nlohmann/json.hpp"
#include "parley/base/status_macros.h"

namespace parley {
namespace {

using Json = nlohmann::json;
using Tensor = SafetensorsHeader::Tensor;

constexpr char kMetadata[] = "__metadata__";

struct DTypeName {
  DType dtype;
  const char* name;
};
constexpr DTypeName kDTypeNames[] = {
    {DType::kFloat32, "F32"}, {DType::kFloat64, "F64"},
    {DType::kFloat16, "F16"}, {DType::kBFloat16, "BF16"},
    {DType::kInt32, "I32"},   {DType::kInt64, "I64"},
    {DType::kUInt8, "U8"},    {DType::kBool, "BOOL"},
};

// Somebody's text, fit for a message of one line.
std::string Shown(absl::string_view text) {
  constexpr size_t kMaxShown = 60;
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kMaxShown)),
                      text.size() > kMaxShown ? "...\"" : "\"");
}

absl::Status BadTensor(absl::string_view name, absl::string_view problem) {
  return absl::InvalidArgumentError(
      absl::StrCat("tensor ", Shown(name), ": ", problem));
}

// Takes the header's JSON piece by piece, so that nothing is built of what is
// not a header, however long or deep.
class Reader : public nlohmann::json_sax<Json> {
 public:
  absl::StatusOr<SafetensorsHeader> Read(absl::string_view text) {
    if (!Json::sax_parse(text.begin(), text.end(), this)) return status_;
    return std::move(header_);
  }

  bool null() override { return Unexpected("null"); }
  bool boolean(bool) override { return Unexpected("a truth value"); }
  bool number_integer(int64_t) override {
    return Unexpected("a negative number");
  }
  bool number_float(double, const std::string&) override {
    return Unexpected("a number that is not whole or has more than 64 bits");
  }
  bool binary(Json::binary_t&) override { return Unexpected("bytes"); }

  bool number_unsigned(uint64_t value) override {
    if (place_ != Place::kList) return Unexpected("a number");
    if (list_.size() >= TensorView::kMaxDimensions) {
      return Fail(
          absl::StrCat("more than ", TensorView::kMaxDimensions, " numbers"));
    }
    list_.push_back(value);
    return true;
  }

  bool string(std::string& text) override {
    if (place_ == Place::kMetadata) {
      header_.metadata.emplace_back(key_, std::move(text));
      return true;
    }
    if (place_ != Place::kTensor || key_ != "dtype") {
      return Unexpected("a text");
    }
    const auto* known = std::find_if(
        std::begin(kDTypeNames), std::end(kDTypeNames),
        [&](const DTypeName& entry) { return entry.name == text; });
    if (known == std::end(kDTypeNames)) {
      return Fail(absl::StrCat(
          Shown(text), ", must be one of ",
          absl::StrJoin(kDTypeNames, ", ", [](std::string* to, const auto& e) {
            to->append(e.name);
          })));
    }
    header_.tensors.back().dtype = known->dtype;
    return true;
  }

  bool start_object(size_t) override {
    if (place_ == Place::kOutside) {
      place_ = Place::kHeader;
    } else if (place_ != Place::kHeader) {
      return Unexpected("an object");
    } else if (key_ == kMetadata) {
      if (std::exchange(has_metadata_, true)) return Fail("stands twice");
      place_ = Place::kMetadata;
    } else {
      header_.tensors.emplace_back();
      header_.tensors.back().name = key_;
      fields_.clear();
      place_ = Place::kTensor;
    }
    return true;
  }

  bool key(std::string& name) override {
    key_ = std::move(name);
    if (place_ != Place::kTensor) return true;
    if (key_ != "dtype" && key_ != "shape" && key_ != "data_offsets") {
      return Fail("must be dtype, shape or data_offsets");
    }
    if (std::count(fields_.begin(), fields_.end(), key_) > 0) {
      return Fail("stands twice");
    }
    fields_.push_back(key_);
    return true;
  }

  bool end_object() override {
    if (place_ == Place::kTensor && fields_.size() != 3) {
      status_ =
          BadTensor(header_.tensors.back().name,
                    absl::StrCat("has only [", absl::StrJoin(fields_, ","),
                                 "] of dtype, shape and data_offsets"));
      return false;
    }
    place_ = place_ == Place::kHeader ? Place::kOutside : Place::kHeader;
    return true;
  }

  bool start_array(size_t) override {
    if (place_ != Place::kTensor || key_ == "dtype") {
      return Unexpected("a list");
    }
    list_.clear();
    place_ = Place::kList;
    return true;
  }

  bool end_array() override {
    place_ = Place::kTensor;
    Tensor& tensor = header_.tensors.back();
    if (key_ == "data_offsets") {
      if (list_.size() != 2) return Fail("must be two numbers");
      tensor.begin = list_[0];
      tensor.end = list_[1];
      return true;
    }
    for (uint64_t size : list_) {
      if (size > std::numeric_limits<int64_t>::max()) {
        return Fail(absl::StrCat(size, ", must be at most 2^63 - 1"));
      }
      tensor.shape.push_back(static_cast<int64_t>(size));
    }
    return true;
  }

  bool parse_error(size_t at, const std::string&,
                   const Json::exception&) override {
    status_ = absl::InvalidArgumentError(
        absl::StrCat("the header is not JSON at byte ", at));
    return false;
  }

 private:
  enum class Place { kOutside, kHeader, kMetadata, kTensor, kList };

  bool Unexpected(const char* what) {
    return Fail(absl::StrCat("is ", what, ", which is not expected here"));
  }

  bool Fail(absl::string_view problem) {
    if (place_ == Place::kTensor || place_ == Place::kList) {
      status_ = BadTensor(header_.tensors.back().name,
                          absl::StrCat(Shown(key_), ": ", problem));
    } else if (place_ == Place::kHeader) {
      status_ = BadTensor(key_, problem);
    } else {
      status_ = absl::InvalidArgumentError(absl::StrCat(
          "the header", place_ == Place::kMetadata ? "'s metadata: " : ": ",
          Shown(key_), ": ", problem));
    }
    return false;
  }

  Place place_ = Place::kOutside;
  std::string key_;
  std::vector<std::string> fields_;  // of the tensor, so far
  std::vector<uint64_t> list_;
  bool has_metadata_ = false;
  SafetensorsHeader header_;
  absl::Status status_;
};

// A name that stands twice, if any does.
absl::optional<absl::string_view> FindTwice(
    std::vector<absl::string_view> names) {
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return absl::nullopt;
  return *twice;
}

absl::Status CheckNames(const SafetensorsHeader& header) {
  std::vector<absl::string_view> names;
  for (const Tensor& tensor : header.tensors) names.push_back(tensor.name);
  if (const auto twice = FindTwice(std::move(names))) {
    return BadTensor(*twice, "the name is used twice");
  }
  names.clear();
  for (const auto& [name, text] : header.metadata) names.push_back(name);
  if (const auto twice = FindTwice(std::move(names))) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the header's metadata: ", Shown(*twice), ": stands twice"));
  }
  return absl::OkStatus();
}

// The bytes of a tensor, as far as they can be counted: sizes that are too
// large together are refused, be one of them 0, since strides are products of
// all but one.
absl::StatusOr<uint64_t> BytesOf(const Tensor& tensor) {
  int64_t bytes = SizeOf(tensor.dtype);
  bool empty = false;
  for (int64_t size : tensor.shape) {
    empty |= size == 0;
    if (size != 0 && __builtin_mul_overflow(bytes, size, &bytes)) {
      return BadTensor(
          tensor.name,
          absl::StrCat("shape: [", absl::StrJoin(tensor.shape, ","),
                       "], has 2^63 bytes or more"));
    }
  }
  return empty ? 0 : static_cast<uint64_t>(bytes);
}

// Every byte of the data must be some tensor's, and of one only.
absl::Status CheckRanges(const SafetensorsHeader& header, uint64_t data_bytes) {
  std::vector<const Tensor*> sorted;
  for (const Tensor& tensor : header.tensors) sorted.push_back(&tensor);
  std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  uint64_t next = 0;
  for (const Tensor* tensor : sorted) {
    const std::string range =
        absl::StrCat("data_offsets: [", tensor->begin, ",", tensor->end, "]");
    if (tensor->begin != next) {
      return BadTensor(tensor->name,
                       absl::StrCat(range, ", must begin at ", next,
                                    ", where the tensor before it ends"));
    }
    PARLEY_ASSIGN_OR_RETURN(const uint64_t bytes, BytesOf(*tensor));
    if (tensor->end < next || tensor->end - next != bytes) {
      return BadTensor(tensor->name,
                       absl::StrCat(range, ", must be ", bytes,
                                    " bytes for its shape and dtype"));
    }
    if (tensor->end > data_bytes) {
      return BadTensor(tensor->name, absl::StrCat(range, ", but there are ",
                                                  data_bytes, " bytes"));
    }
    next = tensor->end;
  }
  if (next == data_bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      data_bytes - next, " bytes behind the last tensor are no tensor's"));
}

absl::StatusOr<std::string> Quoted(const std::string& text) {
  std::string quoted =
      Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  if (Json::parse(quoted) == text) return quoted;
  return absl::InvalidArgumentError(
      absl::StrCat(Shown(text), ": must be UTF-8 in a file"));
}

}  // namespace

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(absl::string_view text,
                                                         uint64_t data_bytes) {
  // The parser takes a zero byte for the end of the text, and skips a byte
  // order mark.
  if (text.empty() || text[0] != '{' || absl::StrContains(text, '\0')) {
    return absl::InvalidArgumentError(
        "the header must be a JSON object and without zero bytes");
  }
  PARLEY_ASSIGN_OR_RETURN(SafetensorsHeader header, Reader().Read(text));
  PARLEY_RETURN_IF_ERROR(CheckNames(header));
  PARLEY_RETURN_IF_ERROR(CheckRanges(header, data_bytes));
  return header;
}

absl::StatusOr<std::string> FormatSafetensorsHeader(
    const SafetensorsHeader& header) {
  PARLEY_RETURN_IF_ERROR(CheckNames(header));
  std::vector<std::string> members;
  for (const auto& [name, text] : header.metadata) {
    PARLEY_ASSIGN_OR_RETURN(const std::string quoted_name, Quoted(name));
    PARLEY_ASSIGN_OR_RETURN(const std::string quoted_text, Quoted(text));
    members.push_back(absl::StrCat(quoted_name, ":", quoted_text));
  }
  std::string metadata =
      absl::StrCat("\"", kMetadata, "\":{", absl::StrJoin(members, ","), "}");
  members.clear();
  if (!header.metadata.empty()) members.push_back(std::move(metadata));
  for (const Tensor& tensor : header.tensors) {
    if (tensor.name == kMetadata) {
      return BadTensor(tensor.name, "the format keeps this name for itself");
    }
    PARLEY_ASSIGN_OR_RETURN(const std::string name, Quoted(tensor.name));
    const auto* known = std::find_if(
        std::begin(kDTypeNames), std::end(kDTypeNames),
        [&](const DTypeName& entry) { return entry.dtype == tensor.dtype; });
    members.push_back(
        absl::StrCat(name, ":{\"dtype\":\"", known->name, "\",\"shape\":[",
                     absl::StrJoin(tensor.shape, ","), "],\"data_offsets\":[",
                     tensor.begin, ",", tensor.end, "]}"));
  }
  return absl::StrCat("{", absl::StrJoin(members, ","), "}");
}

}  // namespace parley
