// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/launcher/ranks_output.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/base/clock.h"

namespace parley::tools {
namespace {

constexpr size_t kReadBytes = size_t{1} << 16;

// As long as more than this waits, no rank is read.
constexpr size_t kMaxQueuedBytes = size_t{1} << 20;

// More than this is not in a pipe.
constexpr size_t kMaxPipeBytes = size_t{1} << 20;

bool AreOneFile(int a, int b) {
  struct stat first, second;
  return fstat(a, &first) == 0 && fstat(b, &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

int PollTimeoutMs(int64_t deadline_ns) {
  if (deadline_ns == kNever) return -1;
  const int64_t left_ns = deadline_ns - SteadyClock().NowNs();
  return static_cast<int>(
      std::clamp<int64_t>(left_ns / 1'000'000 + 1, 0, 60'000));
}

}  // namespace

RanksOutput::RanksOutput()
    : output_(STDOUT_FILENO),
      errors_(STDERR_FILENO),
      one_file_(AreOneFile(STDOUT_FILENO, STDERR_FILENO)) {}

RanksOutput::~RanksOutput() {
  for (Stream& stream : streams_) {
    if (stream.descriptor >= 0) close(stream.descriptor);
  }
}

void RanksOutput::Add(int output, int errors) {
  const std::string prefix = absl::StrCat("[", streams_.size() / 2, "] ");
  streams_.push_back({output, &output_, LinePrefixer(prefix)});
  streams_.push_back({errors, &errors_, LinePrefixer(prefix)});
}

void RanksOutput::Say(absl::string_view text) {
  errors_.Append(absl::StrCat("launch: ", text, "\n"));
}

bool RanksOutput::pending() const {
  return output_.size() > 0 || errors_.size() > 0;
}

void RanksOutput::Move(int wake, int64_t deadline_ns) {
  std::vector<pollfd> entries = {{wake, POLLIN, 0}};
  // Negative descriptors are passed over.
  const auto writable = [&](const OutputQueue& queue,
                            const OutputQueue& other) {
    const bool waits = one_file_ && other.inside_line();
    return queue.size() > 0 && !waits ? queue.descriptor() : -1;
  };
  entries.push_back({writable(output_, errors_), POLLOUT, 0});
  entries.push_back({writable(errors_, output_), POLLOUT, 0});
  for (const Stream& stream : streams_) {
    const bool room = stream.queue->size() <= kMaxQueuedBytes;
    entries.push_back({room ? stream.descriptor : -1, POLLIN, 0});
  }
  if (poll(entries.data(), entries.size(), PollTimeoutMs(deadline_ns)) <= 0) {
    return;
  }
  bool write_output = entries[1].revents != 0;
  bool write_errors = entries[2].revents != 0;
  if (one_file_ && write_output && write_errors) {
    // What one writes may fill it, or leave a line unfinished.
    write_output = !output_was_last_;
    write_errors = output_was_last_;
  }
  if (write_output) Write(output_, errors_);
  if (write_errors) Write(errors_, output_);
  output_was_last_ = write_output;
  for (size_t i = 0; i < streams_.size(); ++i) {
    if (entries[3 + i].revents != 0) Read(streams_[i]);
  }
}

void RanksOutput::Write(OutputQueue& queue, OutputQueue& other) {
  queue.WriteSome();
  if (!queue.closed()) return;
  for (Stream& stream : streams_) {
    if (stream.queue == &queue) Close(stream);
  }
  if (queue.error() == EPIPE) return;
  other.Append(absl::StrCat("launch: cannot write to ",
                            &queue == &output_ ? "stdout" : "stderr", ": ",
                            std::strerror(queue.error()), "\n"));
}

size_t RanksOutput::Read(Stream& stream) {
  if (stream.descriptor < 0) return 0;
  char bytes[kReadBytes];
  const ssize_t got = read(stream.descriptor, bytes, sizeof(bytes));
  if (got > 0) {
    std::string lines;
    stream.prefixer.Add({bytes, static_cast<size_t>(got)}, &lines);
    stream.queue->Append(lines);
    return static_cast<size_t>(got);
  }
  if (got == 0) {
    Close(stream);
  }
  return 0;
}

void RanksOutput::Close(Stream& stream) {
  if (stream.descriptor < 0) return;
  close(std::exchange(stream.descriptor, -1));
  std::string lines;
  stream.prefixer.Finish(&lines);
  stream.queue->Append(lines);
}

void RanksOutput::Drain(Stream& stream) {
  size_t total = 0;
  while (total < kMaxPipeBytes) {
    const size_t got = Read(stream);
    if (got == 0) return;
    total += got;
  }
}

void RanksOutput::DrainRank(int rank) {
  const size_t first = 2 * static_cast<size_t>(rank);
  Drain(streams_[first]);
  Drain(streams_[first + 1]);
}

void RanksOutput::DrainRanks() {
  for (Stream& stream : streams_) {
    Drain(stream);
    Close(stream);
  }
}

}  // namespace parley::tools
