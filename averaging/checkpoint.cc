// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/checkpoint.h"

#include <cstdint>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "parley/base/hash.h"
#include "parley/base/status_macros.h"
#include "parley/device/cpu/safetensors.h"

namespace parley {
namespace {

constexpr char kVersion[] = "1";
constexpr char kVersionName[] = "parley.version";
constexpr char kDescriptionName[] = "parley.description";
constexpr char kChecksumName[] = "parley.checksum";

Safetensors ContentOf(const SavedState& state, std::string checksum) {
  return {{{kVersionName, kVersion},
           {kDescriptionName, state.description},
           {kChecksumName, std::move(checksum)}},
          state.tensors};
}

// Of the header, with an empty text in the checksum's place, and of what the
// tensors hold.
absl::StatusOr<std::string> ChecksumOf(const SavedState& state) {
  PARLEY_ASSIGN_OR_RETURN(const std::string header,
                          SafetensorsHeaderOf(ContentOf(state, "")));
  uint64_t checksum = HashString(header);
  std::vector<char> buffer;
  for (const NamedTensor& named : state.tensors) {
    checksum = HashString(RowMajorBytes(named.tensor, buffer), checksum);
  }
  return absl::StrCat("0x", absl::Hex(checksum, absl::kZeroPad16));
}

absl::Status Damaged(const std::string& path, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(path, ": ", what));
}

// Of the file's metadata; empty if it is not there.
std::string TextOf(const Safetensors& content, absl::string_view name) {
  for (const auto& [known, text] : content.metadata) {
    if (known == name) return text;
  }
  return "";
}

}  // namespace

absl::Status WriteCheckpoint(const std::string& path, const SavedState& state) {
  PARLEY_ASSIGN_OR_RETURN(std::string checksum, ChecksumOf(state));
  return WriteSafetensors(path, ContentOf(state, std::move(checksum)));
}

absl::StatusOr<Checkpoint> ReadCheckpoint(const std::string& path) {
  PARLEY_ASSIGN_OR_RETURN(SafetensorsFile file, ReadSafetensors(path));
  const std::string version = TextOf(file.content, kVersionName);
  if (version != kVersion) {
    return Damaged(path,
                   absl::StrCat(kVersionName, ": \"",
                                absl::CHexEscape(version.substr(0, 60)),
                                "\" in the file, \"", kVersion, "\" here"));
  }
  Checkpoint checkpoint;
  checkpoint.state = {TextOf(file.content, kDescriptionName),
                      std::move(file.content.tensors)};
  checkpoint.data = std::move(file.data);
  PARLEY_ASSIGN_OR_RETURN(const std::string checksum,
                          ChecksumOf(checkpoint.state));
  if (TextOf(file.content, kChecksumName) != checksum) {
    return Damaged(
        path, absl::StrCat(kChecksumName, ": does not match the contents"));
  }
  return checkpoint;
}

}  // namespace parley
