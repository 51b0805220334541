// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Safetensors: named tensors as a file in the format safetensors
// (huggingface.co/docs/safetensors), which Python reads and writes with the
// package of that name.
//
//   PARLEY_RETURN_IF_ERROR(WriteSafetensors(
//       "model.safetensors", {.metadata = {{"step", "7"}},
//                             .tensors = {{"weight", weight}}}));
//   PARLEY_ASSIGN_OR_RETURN(const SafetensorsFile file,
//                           ReadSafetensors("model.safetensors"));
//
// Any number of threads and processes may write one path, or read it meanwhile:
// a reader has what one of them wrote, as a whole (base/file.h).
//
// Thread-safety: thread-safe.
#ifndef PARLEY_DEVICE_CPU_SAFETENSORS_H_
#define PARLEY_DEVICE_CPU_SAFETENSORS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "parley/device/cpu/safetensors_header.h"
#include "parley/device/tensor.h"

namespace parley {

struct Safetensors {
  std::vector<std::pair<std::string, std::string>> metadata;
  std::vector<NamedTensor> tensors;
};

// The header of a file with these tensors, one behind the other. As
// FormatSafetensorsHeader(), and kInvalidArgument, naming it, for a tensor that
// is not in the host's memory.
absl::StatusOr<std::string> SafetensorsHeaderOf(const Safetensors& content);

// The tensor's elements, row-major: where they lie if they lie so, otherwise in
// `buffer`.
absl::string_view RowMajorBytes(const TensorView& tensor,
                                std::vector<char>& buffer);

// Replaces the file as a whole or not at all. The system's errors are passed
// on, with the path.
absl::Status WriteSafetensors(const std::string& path,
                              const Safetensors& content);

// What is in a file, with the memory that its tensors are views of. They are
// row-major, in the order of the header, and aligned for their elements.
struct SafetensorsFile {
  Safetensors content;
  std::vector<char> data;
};

// kNotFound if there is no such file; kInvalidArgument for what is not an
// ordinary file; kDataLoss, with the path, the tensor and the field, for a file
// that is damaged or of another format.
absl::StatusOr<SafetensorsFile> ReadSafetensors(const std::string& path);

}  // namespace parley

#endif  // PARLEY_DEVICE_CPU_SAFETENSORS_H_
