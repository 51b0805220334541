// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/json_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "parley/base/status_macros.h"

namespace parley::tools {
namespace {

absl::Status CannotWrite(const std::string& flag, const std::string& path,
                         int error) {
  return absl::PermissionDeniedError(absl::StrCat(
      "--", flag, "=", path, ": cannot write: ", std::strerror(error)));
}

std::string Temporary(const std::string& path) {
  return absl::StrCat(path, ".partial");
}

}  // namespace

absl::Status CheckWritable(const std::string& flag, const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return CannotWrite(flag, path, EISDIR);
  }
  errno = 0;
  std::ofstream file(Temporary(path));
  if (!file) return CannotWrite(flag, path, errno);
  file.close();
  std::remove(Temporary(path).c_str());
  return absl::OkStatus();
}

absl::Status WriteJson(const std::string& flag, const std::string& path,
                       const nlohmann::ordered_json& json) {
  const std::string temporary = Temporary(path);
  errno = 0;
  {
    std::ofstream file(temporary);
    file << json.dump(2) << "\n";
    file.close();
    if (!file) {
      const int error = errno;
      std::remove(temporary.c_str());
      return CannotWrite(flag, path, error);
    }
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    std::remove(temporary.c_str());
    return CannotWrite(flag, path, error);
  }
  return absl::OkStatus();
}

}  // namespace parley::tools
