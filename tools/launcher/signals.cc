// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/launcher/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

namespace parley::tools {

absl::Status LauncherSignals::Install() {
  sigset_t watched;
  sigemptyset(&watched);
  for (const int signal : {SIGCHLD, SIGINT, SIGTERM, SIGHUP}) {
    sigaddset(&watched, signal);
  }
  descriptor_ = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor_ < 0) return absl::ErrnoToStatus(errno, "signalfd");
  sigprocmask(SIG_BLOCK, &watched, &mask_before_);

  struct sigaction action = {};
  // Where SIGCHLD is ignored, exit codes are lost.
  action.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &action, &child_before_);
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, &pipe_before_);
  return absl::OkStatus();
}

LauncherSignals::~LauncherSignals() {
  if (descriptor_ >= 0) close(descriptor_);
}

std::vector<int> LauncherSignals::Take() {
  std::vector<int> signals;
  signalfd_siginfo info;
  while (read(descriptor_, &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo != SIGCHLD) {
      signals.push_back(static_cast<int>(info.ssi_signo));
    }
  }
  return signals;
}

void LauncherSignals::RestoreInChild() const {
  sigaction(SIGCHLD, &child_before_, nullptr);
  sigaction(SIGPIPE, &pipe_before_, nullptr);
  sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
}

}  // namespace parley::tools
