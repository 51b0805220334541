// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"

namespace parley {
namespace {

// Of the system's last call.
absl::Status Failed(absl::string_view path, absl::string_view call) {
  return absl::ErrnoToStatus(errno, absl::StrCat(path, ": ", call));
}

absl::Status CheckOrdinary(absl::string_view path, const struct stat& info) {
  if (S_ISREG(info.st_mode)) return absl::OkStatus();
  const char* kind = S_ISDIR(info.st_mode)    ? "folder"
                     : S_ISFIFO(info.st_mode) ? "pipe"
                                              : "device or socket";
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": is a ", kind, ", must be an ordinary file"));
}

// A new file, which no other thread or process has made: two that chose the
// same name, be it on two machines, do not both get it.
int OpenNew(const std::string& path, std::string& temporary) {
  static std::atomic<uint64_t> next{0};
  for (;;) {
    temporary = absl::StrCat(path, ".tmp.", getpid(), ".", next++);
    const int number =
        open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (number >= 0 || errno != EEXIST) return number;
  }
}

// Makes a rename last. A file system that cannot sync folders is not an error
// of the file's.
void SyncFolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder =
      slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const FileDescriptor file(
      open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.number() >= 0) fsync(file.number());
}

}  // namespace

bool FileDescriptor::Close() {
  return number_ < 0 || close(std::exchange(number_, -1)) == 0;
}

absl::StatusOr<InputFile> InputFile::Open(const std::string& path) {
  // To open a pipe would otherwise wait for whoever writes it.
  FileDescriptor file(
      open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat info;
  if (file.number() < 0) return Failed(path, "open");
  if (fstat(file.number(), &info) != 0) return Failed(path, "fstat");
  if (absl::Status status = CheckOrdinary(path, info); !status.ok()) {
    return status;
  }
  return InputFile(path, std::move(file), static_cast<uint64_t>(info.st_size));
}

absl::Status InputFile::Read(uint64_t offset, absl::Span<char> to) const {
  while (!to.empty()) {
    const ssize_t got =
        pread(file_.number(), to.data(), to.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed(path_, "read");
    if (got == 0) {
      return absl::DataLossError(absl::StrCat(path_, ": ends at byte ", offset,
                                              ", ", to.size(), " too early"));
    }
    offset += static_cast<uint64_t>(got);
    to.remove_prefix(static_cast<size_t>(got));
  }
  return absl::OkStatus();
}

absl::StatusOr<FileReplacement> FileReplacement::Create(
    const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0) {
    if (absl::Status status = CheckOrdinary(path, info); !status.ok()) {
      return status;
    }
  }
  std::string temporary;
  FileDescriptor file(OpenNew(path, temporary));
  if (file.number() < 0) return Failed(temporary, "open");
  return FileReplacement(path, std::move(temporary), std::move(file));
}

FileReplacement::FileReplacement(FileReplacement&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, std::string())),
      file_(std::move(other.file_)) {}

FileReplacement::~FileReplacement() {
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

absl::Status FileReplacement::Write(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file_.number(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed(temporary_, "write");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status FileReplacement::Commit() {
  if (fsync(file_.number()) != 0) return Failed(temporary_, "fsync");
  // A network file system may report a failed write only now.
  if (!file_.Close()) return Failed(temporary_, "close");
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) {
    return Failed(path_, "rename");
  }
  temporary_.clear();
  SyncFolderOf(path_);
  return absl::OkStatus();
}

}  // namespace parley
