// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// RanksOutput: carries what ranks write to this process's stdout and stderr, by
// lines, each with "[RANK] " before it.
//
//   RanksOutput output(8);
//   output.Add(0, process.output, process.errors);
//   while (...) output.Move(signals.descriptor(), kNever);
//   output.DrainRanks();
//
// What is held is bounded: ranks are read only as fast as the output is taken,
// and a rank that writes faster blocks in its write. When the reader of stdout
// or stderr goes away the pipes that lead there are closed, so that a rank that
// goes on writing ends as it would without a launcher.
#ifndef PARLEY_TOOLS_LAUNCHER_RANKS_OUTPUT_H_
#define PARLEY_TOOLS_LAUNCHER_RANKS_OUTPUT_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "parley/tools/launcher/line_prefixer.h"
#include "parley/tools/launcher/output_queue.h"

namespace parley::tools {

class RanksOutput {
 public:
  RanksOutput();
  ~RanksOutput();
  RanksOutput(const RanksOutput&) = delete;
  RanksOutput& operator=(const RanksOutput&) = delete;

  // Takes over the descriptors from which the output of the next rank is read;
  // they must not block.
  void Add(int output, int errors);

  // A line of the launcher's own, on stderr.
  void Say(absl::string_view text);

  // Waits until something can be moved, `wake` can be read or the steady clock
  // reaches `deadline_ns`; moves what can be.
  void Move(int wake, int64_t deadline_ns);

  // Takes what a rank that has ended wrote, all ranks in the second form. What
  // processes that it left behind go on to write is not waited for.
  void DrainRank(int rank);
  void DrainRanks();

  // Whether something waits to be written.
  bool pending() const;

 private:
  struct Stream {
    int descriptor;
    OutputQueue* queue;
    LinePrefixer prefixer;
  };

  // Reads once; returns the number of bytes, 0 if there is nothing for now or
  // for ever.
  size_t Read(Stream& stream);
  void Close(Stream& stream);
  void Drain(Stream& stream);

  void Write(OutputQueue& queue, OutputQueue& other);

  OutputQueue output_, errors_;
  const bool one_file_;  // stdout and stderr are the same
  bool output_was_last_ = false;
  std::vector<Stream> streams_;  // two a rank
};

}  // namespace parley::tools

#endif  // PARLEY_TOOLS_LAUNCHER_RANKS_OUTPUT_H_
