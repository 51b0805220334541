// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/launcher/output_queue.h"

#include <unistd.h>

#include <cerrno>
#include <climits>

#include "absl/strings/str_cat.h"

namespace parley::tools {

void OutputQueue::Append(absl::string_view lines) {
  if (closed()) return;
  // Before it grows by what was written long ago.
  if (written_ > bytes_.size() / 2) {
    bytes_.erase(0, written_);
    written_ = 0;
  }
  absl::StrAppend(&bytes_, lines);
}

void OutputQueue::WriteSome() {
  // A pipe that is ready takes PIPE_BUF bytes at once.
  absl::string_view piece =
      absl::string_view(bytes_).substr(written_).substr(0, PIPE_BUF);
  const size_t newline = piece.rfind('\n');
  if (newline != absl::string_view::npos) piece = piece.substr(0, newline + 1);
  const ssize_t count = write(descriptor_, piece.data(), piece.size());
  if (count < 0) {
    if (errno == EINTR || errno == EAGAIN) return;
    error_ = errno;
    inside_line_ = false;
    bytes_.clear();
    written_ = 0;
    return;
  }
  if (count == 0) return;
  inside_line_ = piece[static_cast<size_t>(count) - 1] != '\n';
  written_ += static_cast<size_t>(count);
}

}  // namespace parley::tools
