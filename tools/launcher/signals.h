// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// LauncherSignals: from Install() on, signals to this process are read from a
// descriptor instead of interrupting it. What the process began with comes back
// in children, by RestoreInChild(), and not here: a signal that comes while the
// program ends must not replace the exit code that the ranks gave it.
//
// SIGINT, SIGTERM and SIGHUP are for the ranks, SIGCHLD says that a process has
// ended, and SIGPIPE is ignored: writes fail instead.
//
// Thread-safety: once, in a program with one thread.
#ifndef PARLEY_TOOLS_LAUNCHER_SIGNALS_H_
#define PARLEY_TOOLS_LAUNCHER_SIGNALS_H_

#include <csignal>
#include <vector>

#include "absl/status/status.h"

namespace parley::tools {

class LauncherSignals {
 public:
  LauncherSignals() = default;
  ~LauncherSignals();
  LauncherSignals(const LauncherSignals&) = delete;
  LauncherSignals& operator=(const LauncherSignals&) = delete;

  absl::Status Install();

  // Readable when a signal has come.
  int descriptor() const { return descriptor_; }

  // Those that came since the last call, without SIGCHLD.
  std::vector<int> Take();

  // Between fork and exec.
  void RestoreInChild() const;

 private:
  int descriptor_ = -1;
  sigset_t mask_before_;
  struct sigaction child_before_;
  struct sigaction pipe_before_;
};

}  // namespace parley::tools

#endif  // PARLEY_TOOLS_LAUNCHER_SIGNALS_H_
