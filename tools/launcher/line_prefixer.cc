// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/launcher/line_prefixer.h"

#include "absl/strings/str_cat.h"

namespace parley::tools {

void LinePrefixer::EmitLine(absl::string_view end_of_line, std::string* lines) {
  absl::StrAppend(lines, prefix_, held_, end_of_line, "\n");
  held_.clear();
}

void LinePrefixer::Add(absl::string_view bytes, std::string* lines) {
  while (!bytes.empty()) {
    const size_t room = kMaxLineBytes - held_.size();
    const size_t newline = bytes.find('\n');
    if (newline <= room) {
      EmitLine(bytes.substr(0, newline), lines);
      bytes.remove_prefix(newline + 1);
    } else if (bytes.size() <= room) {
      absl::StrAppend(&held_, bytes);
      return;
    } else {
      EmitLine(bytes.substr(0, room), lines);
      bytes.remove_prefix(room);
    }
  }
}

void LinePrefixer::Finish(std::string* lines) {
  if (!held_.empty()) EmitLine("", lines);
}

}  // namespace parley::tools
