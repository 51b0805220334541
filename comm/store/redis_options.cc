// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/store/redis_options.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace parley {
namespace {

constexpr size_t kNone = absl::string_view::npos;

// `url` without what is before the last '@' of its authority.
std::string WithoutPassword(absl::string_view url) {
  const size_t start = url.find("://");
  const size_t at = url.rfind('@');
  if (start == kNone || at == kNone) return std::string(url);
  return absl::StrCat(url.substr(0, start), "://...", url.substr(at));
}

// False if a '%' is not followed by two hexadecimal digits.
bool Decode(absl::string_view text, std::string* result) {
  result->clear();
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result->push_back(text[i]);
      continue;
    }
    if (text.size() - i < 3 ||
        !absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 1])) ||
        !absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      return false;
    }
    absl::StrAppend(result, absl::HexStringToBytes(text.substr(i + 1, 2)));
    i += 2;
  }
  return true;
}

// What is wrong with "[USER]:PASSWORD"; "" if nothing.
std::string ReadUser(absl::string_view text, RedisOptions* options) {
  const size_t colon = text.find(':');
  if (colon == kNone || colon + 1 == text.size()) return "a user, no password";
  if (!Decode(text.substr(0, colon), &options->user) ||
      !Decode(text.substr(colon + 1), &options->password)) {
    return "a '%' without two hexadecimal digits";
  }
  return "";
}

// What is wrong with "HOST[:PORT]"; "" if nothing.
std::string ReadServer(absl::string_view text, RedisOptions* options) {
  absl::string_view port;
  if (absl::ConsumePrefix(&text, "[")) {
    const size_t end = text.find(']');
    if (end == kNone) return "a '[' without its ']'";
    port = text.substr(end + 1);
    text = text.substr(0, end);
  } else {
    port = text.substr(std::min(text.find(':'), text.size()));
    text.remove_suffix(port.size());
  }
  options->host = std::string(text);
  if (port.empty()) return "";
  if (!absl::ConsumePrefix(&port, ":") ||
      !absl::SimpleAtoi(port, &options->port)) {
    return absl::StrCat("the port '", port, "' is not a number");
  }
  return "";
}

std::string Read(absl::string_view rest, RedisOptions* options) {
  // A '#' or '?' would begin what other clients take for something else.
  if (rest.find_first_of("?#") != kNone)
    return "a '?' or '#': write %3F or %23";
  const size_t slash = std::min(rest.find('/'), rest.size());
  absl::string_view authority = rest.substr(0, slash);
  // A password with a '/', which must not be taken for a port and shown.
  if (rest.find('@', slash) != kNone) {
    return "an '@' after a '/': write %40, and %2F in a password";
  }
  const size_t at = authority.rfind('@');
  if (at != kNone) {
    std::string wrong = ReadUser(authority.substr(0, at), options);
    if (!wrong.empty()) return wrong;
    authority.remove_prefix(at + 1);
  }
  std::string wrong = ReadServer(authority, options);
  if (!wrong.empty()) return wrong;
  absl::string_view path = rest.substr(slash);
  absl::ConsumePrefix(&path, "/");
  return Decode(path, &options->prefix)
             ? ""
             : "a '%' without two hexadecimal digits";
}

}  // namespace

absl::StatusOr<RedisOptions> RedisOptions::FromUrl(absl::string_view url) {
  const auto bad = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(
        WithoutPassword(url), ": ", what,
        "; expected redis://[[USER]:PASSWORD@]HOST[:PORT]/PREFIX"));
  };
  absl::string_view rest = url;
  if (!absl::ConsumePrefix(&rest, "redis://")) return bad("not redis://");
  RedisOptions options;
  const std::string wrong = Read(rest, &options);
  if (!wrong.empty()) return bad(wrong);
  const absl::Status status = options.Validate();
  if (!status.ok()) return bad(status.message());
  return options;
}

absl::Status RedisOptions::Validate() const {
  if (host.empty()) return absl::InvalidArgumentError("no host");
  if (port < 1 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("the port ", port, " is not from 1 to 65535"));
  }
  if (prefix.empty()) {
    return absl::InvalidArgumentError(
        "no prefix: values stay in the server, so each job needs one");
  }
  // So that no two prefixes share a key.
  if (prefix.find(':') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("the prefix '", prefix, "' has a ':'"));
  }
  if (timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the timeout ", absl::FormatDuration(timeout), " is not positive"));
  }
  return absl::OkStatus();
}

std::string RedisOptions::Address() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return absl::StrCat(is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", ":", port);
}

}  // namespace parley
