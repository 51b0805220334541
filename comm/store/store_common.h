// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What the stores of this package do in the same way: the limits of keys and
// values, and waiting for a value that nobody announces.
//
// Thread-safety: functions without state.
#ifndef PARLEY_COMM_STORE_STORE_COMMON_H_
#define PARLEY_COMM_STORE_STORE_COMMON_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "parley/base/clock.h"

namespace parley::store {

// "key 'a\x00b'": as messages name it.
std::string KeyName(absl::string_view key);

// kInvalidArgument, in the name of `store`, for what is longer than the limits
// of store.h.
absl::Status CheckKey(absl::string_view store, absl::string_view key);
absl::Status CheckValue(absl::string_view store, absl::string_view key,
                        absl::string_view value);

// Nothing if there is no value yet; an error if asking again would not help.
using Look = absl::FunctionRef<absl::StatusOr<std::optional<std::string>>(
    int64_t deadline_ns)>;

// Store::Get(): looks again and again, at first after a millisecond, then less
// and less often, so that a thousand ranks that wait do not occupy a server;
// and for the last time at the timeout. `store` is who says that none came.
absl::StatusOr<std::string> WaitForValue(Clock& clock, absl::string_view store,
                                         absl::string_view key,
                                         absl::Duration timeout, Look look);

}  // namespace parley::store

#endif  // PARLEY_COMM_STORE_STORE_COMMON_H_
