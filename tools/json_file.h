// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Writes a JSON file for --json_out: whole or not at all.
#ifndef PARLEY_TOOLS_JSON_FILE_H_
#define PARLEY_TOOLS_JSON_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "nlohmann/json.hpp"

namespace parley::tools {

// Whether WriteJson() will be able to, found out before hours of work; leaves
// nothing behind. Errors name the flag and the file.
absl::Status CheckWritable(const std::string& flag, const std::string& path);

// Writes beside `path` and renames, so that a reader sees the old file or the
// whole new one.
absl::Status WriteJson(const std::string& flag, const std::string& path,
                       const nlohmann::ordered_json& json);

}  // namespace parley::tools

#endif  // PARLEY_TOOLS_JSON_FILE_H_
