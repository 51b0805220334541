// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// InputFile and FileReplacement: files that are read, and replaced, as a whole.
//
//   PARLEY_ASSIGN_OR_RETURN(FileReplacement file,
//                           FileReplacement::Create(path));
//   PARLEY_RETURN_IF_ERROR(file.Write("all of it"));
//   PARLEY_RETURN_IF_ERROR(file.Commit());
//
//   PARLEY_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path));
//   std::vector<char> bytes(file.size());
//   PARLEY_RETURN_IF_ERROR(file.Read(0, absl::MakeSpan(bytes)));
//
// Any number of threads and processes may replace one path at a time: the last
// to commit wins, and a reader has one writer's bytes, from beginning to end.
//
// All errors name the path.
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_BASE_FILE_H_
#define PARLEY_BASE_FILE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace parley {

// An open file of the system's; closes it.
class FileDescriptor {
 public:
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept
      : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&&) = delete;
  ~FileDescriptor() { Close(); }

  // Negative if it could not be opened.
  int number() const { return number_; }

  // Idempotent. False, with errno, if what was written may be lost.
  bool Close();

 private:
  int number_;
};

class InputFile {
 public:
  // kInvalidArgument, at once, for what is not an ordinary file: a folder, a
  // pipe that nobody writes, a device. Otherwise the system's error.
  static absl::StatusOr<InputFile> Open(const std::string& path);

  // In bytes, when it was opened.
  uint64_t size() const { return size_; }

  // Fills `to` with what is in the file from `offset` on. kDataLoss if the file
  // ends before that.
  absl::Status Read(uint64_t offset, absl::Span<char> to) const;

 private:
  InputFile(const std::string& path, FileDescriptor file, uint64_t size)
      : path_(path), file_(std::move(file)), size_(size) {}

  std::string path_;
  FileDescriptor file_;
  uint64_t size_;
};

class FileReplacement {
 public:
  // Begins a temporary file beside `path`, named path.tmp.* and nobody else's.
  // kInvalidArgument if something that is not an ordinary file has the path.
  static absl::StatusOr<FileReplacement> Create(const std::string& path);

  FileReplacement(FileReplacement&& other) noexcept;
  FileReplacement& operator=(FileReplacement&&) = delete;
  // Without Commit(), the path has what it had and the temporary file is gone.
  ~FileReplacement();

  absl::Status Write(absl::string_view bytes);

  // Replaces the path by what was written, which a loss of power does not undo.
  absl::Status Commit();

 private:
  FileReplacement(const std::string& path, std::string temporary,
                  FileDescriptor file)
      : path_(path), temporary_(std::move(temporary)), file_(std::move(file)) {}

  std::string path_;
  std::string temporary_;  // empty once it is gone
  FileDescriptor file_;
};

}  // namespace parley

#endif  // PARLEY_BASE_FILE_H_
