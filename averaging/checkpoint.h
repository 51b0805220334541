// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// A SavedState as a file, for programs without a checkpoint system of their
// own. The format is safetensors (huggingface.co/docs/safetensors), which
// Python reads with safetensors.safe_open(); the description, its version
// and a checksum are in the file's __metadata__.
//
//   PARLEY_RETURN_IF_ERROR(WriteCheckpoint("averager.safetensors",
//                                          averager->State()));
//   ...
//   PARLEY_ASSIGN_OR_RETURN(Checkpoint saved,
//                           ReadCheckpoint("averager.safetensors"));
//   PARLEY_RETURN_IF_ERROR(averager->Restore(saved.state));
//
// Thread-safety: thread-safe for different paths; one writer per path.
#ifndef PARLEY_AVERAGING_CHECKPOINT_H_
#define PARLEY_AVERAGING_CHECKPOINT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "parley/averaging/state.h"

namespace parley {

// Replaces the file as a whole or not at all: it is written as `path`.tmp,
// synced and renamed. Tensors are written in row-major order.
// kInvalidArgument for tensors that are not in the host's memory; the system's
// errors are passed on, with the path.
absl::Status WriteCheckpoint(const std::string& path, const SavedState& state);

// A state with the memory that its tensors are views of.
struct Checkpoint {
  SavedState state;
  std::vector<char> data;
};

// kNotFound if there is no such file; kDataLoss, with the path and what is
// wrong, for a file that is damaged or not of WriteCheckpoint().
absl::StatusOr<Checkpoint> ReadCheckpoint(const std::string& path);

}  // namespace parley

#endif  // PARLEY_AVERAGING_CHECKPOINT_H_
