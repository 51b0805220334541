// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/launcher/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "parley/base/status_macros.h"

namespace parley::tools {
namespace {

// Both ends of a pipe, closed when it goes out of scope.
class Pipe {
 public:
  Pipe() = default;
  ~Pipe() {
    CloseWriter();
    if (reader_ >= 0) close(reader_);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  absl::Status Open() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe");
    reader_ = ends[0];
    writer_ = ends[1];
    return absl::OkStatus();
  }

  int reader() const { return reader_; }
  int writer() const { return writer_; }

  void CloseWriter() {
    if (writer_ >= 0) close(std::exchange(writer_, -1));
  }

  int TakeReader() {
    fcntl(reader_, F_SETFL, O_NONBLOCK);
    return std::exchange(reader_, -1);
  }

 private:
  int reader_ = -1;
  int writer_ = -1;
};

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& string : strings) {
    pointers.push_back(const_cast<char*>(string.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

struct Pipes {
  Pipe output, errors, failure;
};

// In the child. Writes errno to the last pipe if there is nothing to run.
[[noreturn]] void RunChild(pid_t parent, const std::vector<char*>& arguments,
                           const std::vector<char*>& environment,
                           const Pipes& pipes, const LauncherSignals& signals) {
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // It may have died before that.
  if (getppid() != parent) _exit(1);
  const int empty = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(empty, STDIN_FILENO);
  dup2(pipes.output.writer(), STDOUT_FILENO);
  dup2(pipes.errors.writer(), STDERR_FILENO);
  signals.RestoreInChild();
  execvpe(arguments[0], arguments.data(), environment.data());
  const int error = errno;
  if (write(pipes.failure.writer(), &error, sizeof(error)) < 0) _exit(126);
  _exit(127);
}

}  // namespace

absl::StatusOr<Process> StartProcess(
    const std::vector<std::string>& command,
    const std::vector<std::string>& environment,
    const LauncherSignals& signals) {
  Pipes pipes;
  PARLEY_RETURN_IF_ERROR(pipes.output.Open());
  PARLEY_RETURN_IF_ERROR(pipes.errors.Open());
  PARLEY_RETURN_IF_ERROR(pipes.failure.Open());
  const std::vector<char*> arguments = Pointers(command);
  const std::vector<char*> variables = Pointers(environment);
  const pid_t parent = getpid();
  Process process;
  process.id = fork();
  if (process.id < 0) return absl::ErrnoToStatus(errno, "fork");
  if (process.id == 0) RunChild(parent, arguments, variables, pipes, signals);

  // The pipe ends without a word when the program runs.
  pipes.failure.CloseWriter();
  int error = 0;
  ssize_t got = 0;
  do {
    got = read(pipes.failure.reader(), &error, sizeof(error));
  } while (got < 0 && errno == EINTR);
  if (got == sizeof(error)) {
    waitpid(process.id, nullptr, 0);
    return absl::ErrnoToStatus(error,
                               absl::StrCat("cannot run '", command[0], "'"));
  }
  process.output = pipes.output.TakeReader();
  process.errors = pipes.errors.TakeReader();
  return process;
}

}  // namespace parley::tools
