// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// SafetensorsHeader: the table of contents of a file of tensors in the format
// safetensors (huggingface.co/docs/safetensors), which is a JSON object.
//
//   PARLEY_ASSIGN_OR_RETURN(SafetensorsHeader header,
//                           ParseSafetensorsHeader(text, data_bytes));
//   for (const SafetensorsHeader::Tensor& tensor : header.tensors) ...
//
// The text may come from anybody. Whatever is in it, parsing takes time and
// memory in proportion to its length, and what is accepted is what the format's
// reference library accepts: every byte of the data belongs to exactly one
// tensor, and no name stands twice.
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_DEVICE_CPU_SAFETENSORS_HEADER_H_
#define PARLEY_DEVICE_CPU_SAFETENSORS_HEADER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "parley/device/tensor.h"

namespace parley {

struct SafetensorsHeader {
  // The reference library's limit.
  static constexpr uint64_t kMaxBytes = 100'000'000;

  struct Tensor {
    std::string name;
    DType dtype = DType::kFloat32;
    std::vector<int64_t> shape;
    uint64_t begin = 0;  // of its bytes, behind the header
    uint64_t end = 0;
  };

  // Both in the order of the text.
  std::vector<std::pair<std::string, std::string>> metadata;
  std::vector<Tensor> tensors;
};

// `data_bytes` is what there is behind the header. kInvalidArgument, naming the
// tensor and the field.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(absl::string_view text,
                                                         uint64_t data_bytes);

// The same text for the same header, which ParseSafetensorsHeader() reads.
// kInvalidArgument, naming it, for a name or a text that is not UTF-8, a name
// that is used twice, and one that the format keeps for itself.
absl::StatusOr<std::string> FormatSafetensorsHeader(
    const SafetensorsHeader& header);

}  // namespace parley

#endif  // PARLEY_DEVICE_CPU_SAFETENSORS_HEADER_H_
