// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/launcher/launcher.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "parley/base/clock.h"
#include "parley/base/status_macros.h"
#include "parley/tools/launcher/process.h"
#include "parley/tools/launcher/rank_environment.h"
#include "parley/tools/launcher/ranks_output.h"
#include "parley/tools/launcher/signals.h"

namespace parley::tools {
namespace {

// A new folder, deleted with what is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() = default;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  absl::Status Make() {
    const char* parent = std::getenv("TMPDIR");
    if (parent == nullptr || *parent == '\0') parent = "/tmp";
    std::string path = absl::StrCat(parent, "/parley-store-XXXXXX");
    if (mkdtemp(path.data()) == nullptr) {
      return absl::ErrnoToStatus(
          errno, absl::StrCat("cannot make a folder in ", parent));
    }
    path_ = path;
    return absl::OkStatus();
  }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Supervisor {
 public:
  Supervisor(const LaunchOptions& options, LauncherSignals& signals)
      : options_(options), signals_(signals) {}

  int Run(int master_port, const std::string& store_directory) {
    Start(master_port, store_directory);
    while (true) {
      Reap();
      if (AllGone()) break;
      if (running_ == 0) End();
      KillIfDue();
      output_.Move(signals_.descriptor(), kill_at_ns_);
      for (const int signal : signals_.Take()) SendToAll(signal);
    }
    output_.DrainRanks();
    Flush();
    return exit_code_;
  }

 private:
  struct Rank {
    pid_t id = -1;
    bool running = false;  // the rank's first process
    bool gone = true;      // all processes of its group
  };

  void Start(int master_port, const std::string& store_directory);

  // Notes what has ended.
  void Reap();
  void NoteEnd(int rank, const siginfo_t& info);

  bool AllGone();

  // Ends all that runs: SIGTERM now, SIGKILL later.
  void End();
  void KillIfDue();

  void SendToAll(int signal);

  // Waits until the output is written, or somebody loses patience.
  void Flush();

  const LaunchOptions& options_;
  LauncherSignals& signals_;
  std::vector<Rank> ranks_;
  RanksOutput output_;
  int running_ = 0;
  int exit_code_ = 0;
  bool ending_ = false;
  int64_t kill_at_ns_ = kNever;
};

void Supervisor::Start(int master_port, const std::string& store_directory) {
  ranks_.resize(static_cast<size_t>(options_.ranks));
  for (int rank = 0; rank < options_.ranks; ++rank) {
    absl::StatusOr<Process> process = StartProcess(
        options_.command,
        RankEnvironment(rank, options_.ranks, master_port, store_directory),
        signals_);
    if (!process.ok()) {
      exit_code_ = absl::IsNotFound(process.status()) ? 127 : 126;
      output_.Say(absl::StrCat("rank ", rank, ": ",
                               std::string(process.status().message())));
      End();
      return;
    }
    ranks_[static_cast<size_t>(rank)] = {process->id, true, false};
    output_.Add(process->output, process->errors);
    ++running_;
  }
}

void Supervisor::Reap() {
  while (true) {
    siginfo_t info;
    info.si_pid = 0;
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) {
      return;
    }
    for (size_t i = 0; i < ranks_.size(); ++i) {
      if (ranks_[i].running && ranks_[i].id == info.si_pid) {
        NoteEnd(static_cast<int>(i), info);
      }
    }
  }
}

void Supervisor::NoteEnd(int rank, const siginfo_t& info) {
  ranks_[static_cast<size_t>(rank)].running = false;
  --running_;
  // Its last words come before those about it.
  output_.DrainRank(rank);
  const bool exited = info.si_code == CLD_EXITED;
  if (exited && info.si_status == 0) return;
  if (exit_code_ == 0) {
    exit_code_ = exited ? info.si_status : 128 + info.si_status;
    output_.Say(absl::StrCat(
        "rank ", rank, " (process ", info.si_pid, ") ",
        exited ? "exited with " : "was killed by signal ", info.si_status,
        exited ? "" : absl::StrCat(" (", strsignal(info.si_status), ")"),
        running_ > 0 ? "; ending the others" : ""));
  }
  End();
}

bool Supervisor::AllGone() {
  bool all = true;
  for (Rank& rank : ranks_) {
    if (!rank.running && !rank.gone) {
      // Orphans become children of this process (it is their subreaper), so a
      // group without a child has nobody left. Until then, its id cannot be
      // another's.
      siginfo_t info;
      rank.gone = waitid(P_PGID, static_cast<id_t>(rank.id), &info,
                         WEXITED | WNOHANG | WNOWAIT) != 0;
    }
    all = all && rank.gone;
  }
  return all;
}

void Supervisor::SendToAll(int signal) {
  for (const Rank& rank : ranks_) {
    if (!rank.gone) kill(-rank.id, signal);
  }
}

void Supervisor::End() {
  if (ending_) return;
  ending_ = true;
  SendToAll(SIGTERM);
  kill_at_ns_ = DeadlineAfter(SteadyClock().NowNs(),
                              absl::ToInt64Nanoseconds(options_.grace));
}

void Supervisor::KillIfDue() {
  if (SteadyClock().NowNs() < kill_at_ns_) return;
  kill_at_ns_ = kNever;
  for (size_t i = 0; i < ranks_.size(); ++i) {
    if (!ranks_[i].running) continue;
    output_.Say(absl::StrCat(
        "rank ", i, " (process ", ranks_[i].id, ") did not end within ",
        absl::FormatDuration(options_.grace), " of SIGTERM; killing it"));
  }
  SendToAll(SIGKILL);
}

void Supervisor::Flush() {
  while (output_.pending()) {
    output_.Move(signals_.descriptor(), kNever);
    if (!signals_.Take().empty()) return;
  }
}

}  // namespace

absl::StatusOr<int> Launch(const LaunchOptions& options) {
  // Where one of the three is closed, a pipe would get its number.
  for (int descriptor = 0; descriptor <= STDERR_FILENO; ++descriptor) {
    if (fcntl(descriptor, F_GETFD) < 0) open("/dev/null", O_RDWR);
  }
  LauncherSignals signals;
  PARLEY_RETURN_IF_ERROR(signals.Install());
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
    return absl::ErrnoToStatus(errno, "cannot take in orphans");
  }
  TemporaryFolder store;
  PARLEY_RETURN_IF_ERROR(store.Make());
  int master_port = options.master_port;
  if (master_port == 0) {
    PARLEY_ASSIGN_OR_RETURN(master_port, FreePort());
  }
  return Supervisor(options, signals).Run(master_port, store.path());
}

}  // namespace parley::tools
