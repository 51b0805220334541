// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// LinePrefixer: cuts what a process writes into lines and puts a prefix before
// each, so that a mix of several processes' output stays readable.
//
//   LinePrefixer prefixer("[3] ");
//   std::string lines;
//   prefixer.Add("loss 0.", &lines);         // nothing yet
//   prefixer.Add("5\nloss 0.4\n", &lines);   // "[3] loss 0.5\n[3] loss 0.4\n"
//   prefixer.Finish(&lines);
//
// It holds at most kMaxLineBytes: a longer line comes out in pieces, each a
// line with a prefix.
#ifndef PARLEY_TOOLS_LAUNCHER_LINE_PREFIXER_H_
#define PARLEY_TOOLS_LAUNCHER_LINE_PREFIXER_H_

#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace parley::tools {

class LinePrefixer {
 public:
  static constexpr size_t kMaxLineBytes = size_t{1} << 16;

  explicit LinePrefixer(std::string prefix) : prefix_(std::move(prefix)) {}

  // Appends the lines that `bytes` complete to `lines`, whole ones only.
  void Add(absl::string_view bytes, std::string* lines);

  // The end: a last line without a newline gets one.
  void Finish(std::string* lines);

 private:
  void EmitLine(absl::string_view end_of_line, std::string* lines);

  const std::string prefix_;
  std::string held_;  // the beginning of a line
};

}  // namespace parley::tools

#endif  // PARLEY_TOOLS_LAUNCHER_LINE_PREFIXER_H_
