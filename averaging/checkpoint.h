// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// A SavedState as a file, for programs without a checkpoint system of their
// own. The format is safetensors (huggingface.co/docs/safetensors), which
// Python reads with safetensors.safe_open(); the description, its version
// and a checksum are in the file's __metadata__.
//
//   // Each rank has a state of its own.
//   const std::string path = absl::StrCat("averager-", comm.rank(), ".st");
//   PARLEY_RETURN_IF_ERROR(WriteCheckpoint(path, averager->State()));
//   ...
//   PARLEY_ASSIGN_OR_RETURN(Checkpoint saved, ReadCheckpoint(path));
//   PARLEY_RETURN_IF_ERROR(averager->Restore(saved.state));
//
// Thread-safety: thread-safe. Any number of threads and processes may write one
// path; the last one's state stays, and a reader has one of them as a whole.
#ifndef PARLEY_AVERAGING_CHECKPOINT_H_
#define PARLEY_AVERAGING_CHECKPOINT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "parley/averaging/state.h"

namespace parley {

// Replaces the file as a whole or not at all: it is written beside `path`, as
// path.tmp.*, synced and renamed. Tensors are written in row-major order.
// kInvalidArgument, naming it, for a tensor that is not in the host's memory,
// for a name that is used twice or is not UTF-8, and for a path that a folder,
// a pipe or a device has; the system's errors are passed on, with the path.
absl::Status WriteCheckpoint(const std::string& path, const SavedState& state);

// A state with the memory that its tensors are views of.
struct Checkpoint {
  SavedState state;
  std::vector<char> data;
};

// kNotFound if there is no such file; kInvalidArgument for what is not an
// ordinary file; kDataLoss, with the path and what is wrong, for a file that is
// damaged or not of WriteCheckpoint(). All of them at once, whatever is there:
// a file may come from anybody.
absl::StatusOr<Checkpoint> ReadCheckpoint(const std::string& path);

}  // namespace parley

#endif  // PARLEY_AVERAGING_CHECKPOINT_H_
