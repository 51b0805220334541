// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/store/file_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "parley/base/status_macros.h"
#include "parley/comm/store/store_common.h"

namespace parley {
namespace {

// File systems take names of 255 bytes.
constexpr size_t kMaxNameBytes = 200;

absl::Status CannotDo(absl::string_view what, absl::string_view path,
                      int error) {
  return absl::ErrnoToStatus(
      error, absl::StrCat("file store: cannot ", what, " ", path));
}

// Of lower-case letters, digits, '_', '-' and '%', so that it is the same key
// on a file system that ignores case, too. Injective.
std::string Escape(absl::string_view key) {
  std::string name;
  for (const char c : key) {
    if (absl::ascii_islower(static_cast<unsigned char>(c)) ||
        absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '_' ||
        c == '-') {
      name.push_back(c);
    } else {
      absl::StrAppendFormat(&name, "%%%02x", static_cast<unsigned char>(c));
    }
  }
  return name;
}

// A long name becomes folders. No file has a folder's name: the dot in ".value"
// is in no escaped key.
std::string PathOf(absl::string_view directory, absl::string_view key) {
  const std::string escaped = Escape(key);
  absl::string_view rest = escaped;
  std::string path(directory.data(), directory.size());
  while (rest.size() > kMaxNameBytes) {
    absl::StrAppend(&path, "/", rest.substr(0, kMaxNameBytes));
    rest.remove_prefix(kMaxNameBytes);
  }
  absl::StrAppend(&path, "/", rest, ".value");
  return path;
}

// Closes a file when it goes out of scope.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() { Close(); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int descriptor() const { return descriptor_; }

  // Idempotent. A network file system may report a failed write only now.
  bool Close() {
    if (descriptor_ < 0) return true;
    return close(std::exchange(descriptor_, -1)) == 0;
  }

 private:
  int descriptor_;
};

bool WriteAll(int descriptor, absl::string_view value) {
  while (!value.empty()) {
    const ssize_t written = write(descriptor, value.data(), value.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    value.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

// Nothing if there is no such file.
absl::StatusOr<std::optional<std::string>> ReadIfThere(
    const std::string& path) {
  File file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.descriptor() < 0) {
    if (errno == ENOENT) return std::optional<std::string>();
    return CannotDo("read", path, errno);
  }
  std::string value;
  struct stat info;
  if (fstat(file.descriptor(), &info) != 0) {
    return CannotDo("read", path, errno);
  }
  // The byte more than expected is how the end is seen.
  value.resize(static_cast<size_t>(info.st_size) + 1);
  size_t size = 0;
  while (size < value.size()) {
    const ssize_t got =
        read(file.descriptor(), &value[size], value.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return CannotDo("read", path, errno);
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  value.resize(size);
  return std::optional<std::string>(std::move(value));
}

}  // namespace

FileStore::FileStore(absl::string_view directory, Clock& clock)
    : directory_(directory.data(), directory.size()), clock_(clock) {}

absl::Status FileStore::Set(absl::string_view key, absl::string_view value) {
  PARLEY_RETURN_IF_ERROR(store::CheckKey("file store", key));
  PARLEY_RETURN_IF_ERROR(store::CheckValue("file store", key, value));
  const std::string path = PathOf(directory_, key);
  const std::string folder = path.substr(0, path.rfind('/'));
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return CannotDo("make folder", folder, error.value());

  // The name is unique among the processes of all machines.
  std::string temporary = absl::StrCat(folder, "/.new.XXXXXX");
  File file(mkostemp(temporary.data(), O_CLOEXEC));
  if (file.descriptor() < 0) {
    return CannotDo("make a file in", folder, errno);
  }
  if (!WriteAll(file.descriptor(), value) || !file.Close()) {
    const int write_error = errno;
    unlink(temporary.c_str());
    return CannotDo("write", temporary, write_error);
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    const int rename_error = errno;
    unlink(temporary.c_str());
    return CannotDo("write", path, rename_error);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> FileStore::Get(absl::string_view key,
                                           absl::Duration timeout) {
  PARLEY_RETURN_IF_ERROR(store::CheckKey("file store", key));
  const std::string path = PathOf(directory_, key);
  return store::WaitForValue(clock_, absl::StrCat("file store ", directory_),
                             key, timeout,
                             [&](int64_t) { return ReadIfThere(path); });
}

}  // namespace parley
