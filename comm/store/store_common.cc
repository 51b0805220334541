// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/store/store_common.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "parley/base/status_macros.h"
#include "parley/comm/store/store.h"

namespace parley::store {
namespace {

constexpr int64_t kFirstIntervalNs = 1'000'000;
constexpr int64_t kLastIntervalNs = 128'000'000;

}  // namespace

std::string KeyName(absl::string_view key) {
  return absl::StrCat("key '", absl::CHexEscape(key), "'");
}

absl::Status CheckKey(absl::string_view store, absl::string_view key) {
  if (key.size() <= kMaxStoreKeyBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(store, ": a key of ", key.size(), " bytes; at most ",
                   kMaxStoreKeyBytes, " are taken"));
}

absl::Status CheckValue(absl::string_view store, absl::string_view key,
                        absl::string_view value) {
  if (value.size() <= kMaxStoreValueBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      store, ": a value of ", value.size(), " bytes for ", KeyName(key),
      "; at most ", kMaxStoreValueBytes, " are taken"));
}

absl::StatusOr<std::string> WaitForValue(Clock& clock, absl::string_view store,
                                         absl::string_view key,
                                         absl::Duration timeout, Look look) {
  int64_t now_ns = clock.NowNs();
  const int64_t deadline_ns = DeadlineAfter(
      now_ns, std::max<int64_t>(0, absl::ToInt64Nanoseconds(timeout)));
  int64_t interval_ns = kFirstIntervalNs;
  while (true) {
    PARLEY_ASSIGN_OR_RETURN(std::optional<std::string> value,
                            look(deadline_ns));
    if (value.has_value()) return *std::move(value);
    if (now_ns >= deadline_ns) {
      return absl::DeadlineExceededError(
          absl::StrCat(store, ": no value for ", KeyName(key), " after ",
                       absl::FormatDuration(timeout)));
    }
    now_ns = clock.NowNs();
    clock.WaitUntil([] { return false; },
                    std::min(deadline_ns, DeadlineAfter(now_ns, interval_ns)));
    interval_ns = std::min(2 * interval_ns, kLastIntervalNs);
    now_ns = clock.NowNs();
  }
}

}  // namespace parley::store
