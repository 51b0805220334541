// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/cpu/safetensors.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "parley/base/file.h"
#include "parley/base/status_macros.h"
#include "parley/device/cpu/copy.h"

namespace parley {
namespace {

using HeaderTensor = SafetensorsHeader::Tensor;

constexpr size_t kLengthBytes = 8;

// Of tensors in memory; the format asks for the same of the data's beginning.
constexpr uint64_t kAlignment = 8;

constexpr uint64_t Aligned(uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// A number of 8 bytes, the lowest first.
std::string LengthToBytes(uint64_t length) {
  std::string bytes;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    bytes.push_back(static_cast<char>(length >> (8 * i)));
  }
  return bytes;
}

uint64_t LengthFromBytes(absl::string_view bytes) {
  uint64_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    length |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return length;
}

absl::Status Damaged(const std::string& path, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(path, ": ", what));
}

absl::StatusOr<std::string> ReadHeader(const std::string& path,
                                       const InputFile& file) {
  if (file.size() < kLengthBytes) {
    return Damaged(path, "shorter than the length of a header");
  }
  std::string bytes(kLengthBytes, '\0');
  PARLEY_RETURN_IF_ERROR(file.Read(0, absl::MakeSpan(&bytes[0], kLengthBytes)));
  const uint64_t length = LengthFromBytes(bytes);
  if (length > SafetensorsHeader::kMaxBytes) {
    return Damaged(
        path, absl::StrCat("the header: ", length, " bytes, must be at most ",
                           SafetensorsHeader::kMaxBytes));
  }
  if (length > file.size() - kLengthBytes) {
    return Damaged(path, absl::StrCat("the header: ", length, " bytes, but ",
                                      file.size() - kLengthBytes, " are left"));
  }
  bytes.resize(length);
  PARLEY_RETURN_IF_ERROR(
      file.Read(kLengthBytes, absl::MakeSpan(&bytes[0], length)));
  return bytes;
}

}  // namespace

absl::StatusOr<std::string> SafetensorsHeaderOf(const Safetensors& content) {
  SafetensorsHeader header;
  header.metadata = content.metadata;
  uint64_t next = 0;
  for (const NamedTensor& named : content.tensors) {
    const TensorView& tensor = named.tensor;
    if (tensor.device().kind != DeviceKind::kCpu) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor \"", named.name, "\": is on ",
                       ToString(tensor.device()), "; must be on a CPU"));
    }
    const uint64_t end = next + static_cast<uint64_t>(tensor.bytes());
    header.tensors.push_back({named.name,
                              tensor.dtype(),
                              {tensor.shape().begin(), tensor.shape().end()},
                              next,
                              end});
    next = end;
  }
  return FormatSafetensorsHeader(header);
}

absl::string_view RowMajorBytes(const TensorView& tensor,
                                std::vector<char>& buffer) {
  const size_t bytes = static_cast<size_t>(tensor.bytes());
  const TensorView like(tensor.data(), tensor.dtype(), tensor.shape());
  if (tensor.strides() == like.strides()) {
    return absl::string_view(static_cast<const char*>(tensor.data()), bytes);
  }
  buffer.resize(bytes);
  CopyTensor(
      {tensor, TensorView(buffer.data(), tensor.dtype(), tensor.shape())},
      /*streaming=*/false);
  return absl::string_view(buffer.data(), bytes);
}

absl::Status WriteSafetensors(const std::string& path,
                              const Safetensors& content) {
  PARLEY_ASSIGN_OR_RETURN(std::string header, SafetensorsHeaderOf(content));
  header.resize(Aligned(header.size()), ' ');
  if (header.size() > SafetensorsHeader::kMaxBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": the header: ", header.size(),
                     " bytes, must be at most ", SafetensorsHeader::kMaxBytes));
  }
  PARLEY_ASSIGN_OR_RETURN(FileReplacement file, FileReplacement::Create(path));
  PARLEY_RETURN_IF_ERROR(file.Write(LengthToBytes(header.size())));
  PARLEY_RETURN_IF_ERROR(file.Write(header));
  std::vector<char> buffer;
  for (const NamedTensor& named : content.tensors) {
    PARLEY_RETURN_IF_ERROR(file.Write(RowMajorBytes(named.tensor, buffer)));
  }
  return file.Commit();
}

absl::StatusOr<SafetensorsFile> ReadSafetensors(const std::string& path) {
  PARLEY_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(path));
  PARLEY_ASSIGN_OR_RETURN(const std::string text, ReadHeader(path, file));
  const uint64_t data_begin = kLengthBytes + text.size();
  absl::StatusOr<SafetensorsHeader> header =
      ParseSafetensorsHeader(text, file.size() - data_begin);
  if (!header.ok()) return Damaged(path, header.status().message());

  SafetensorsFile result;
  result.content.metadata = std::move(header->metadata);
  uint64_t bytes = 0;
  for (const HeaderTensor& tensor : header->tensors) {
    bytes += Aligned(tensor.end - tensor.begin);
  }
  result.data.resize(bytes);
  char* next = result.data.data();
  for (HeaderTensor& tensor : header->tensors) {
    const uint64_t size = tensor.end - tensor.begin;
    PARLEY_RETURN_IF_ERROR(
        file.Read(data_begin + tensor.begin, absl::MakeSpan(next, size)));
    result.content.tensors.push_back(
        {std::move(tensor.name),
         TensorView(next, tensor.dtype, absl::MakeConstSpan(tensor.shape))});
    next += Aligned(size);
  }
  return result;
}

}  // namespace parley
