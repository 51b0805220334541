// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// OutputQueue: lines on their way to a descriptor, written only as fast as it
// takes them, so that whoever reads slowly cannot keep the launcher from seeing
// signals and deaths. The descriptor is left as it is: setting O_NONBLOCK would
// set it for the terminal's other users, too.
//
//   OutputQueue queue(STDOUT_FILENO);
//   queue.Append("[3] loss 0.5\n");
//   // When poll() says that the descriptor takes something:
//   queue.WriteSome();
#ifndef PARLEY_TOOLS_LAUNCHER_OUTPUT_QUEUE_H_
#define PARLEY_TOOLS_LAUNCHER_OUTPUT_QUEUE_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace parley::tools {

class OutputQueue {
 public:
  explicit OutputQueue(int descriptor) : descriptor_(descriptor) {}

  int descriptor() const { return descriptor_; }

  // Bytes that wait.
  size_t size() const { return bytes_.size() - written_; }

  // Whether the reader has gone. What waits and what comes is dropped.
  bool closed() const { return error_ != 0; }

  // Why it is closed, an errno value: EPIPE usually. 0 while it is not.
  int error() const { return error_; }

  // Whether the last byte written is inside a line, which then has to be
  // finished before anything else goes to the same file.
  bool inside_line() const { return inside_line_; }

  // Takes whole lines.
  void Append(absl::string_view lines);

  // Writes what goes without blocking once poll() has said that the descriptor
  // is ready: whole lines, as many as fit, or a piece of a longer one.
  void WriteSome();

 private:
  const int descriptor_;
  std::string bytes_;
  size_t written_ = 0;  // of bytes_
  bool inside_line_ = false;
  int error_ = 0;
};

}  // namespace parley::tools

#endif  // PARLEY_TOOLS_LAUNCHER_OUTPUT_QUEUE_H_
