// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "parley/base/hash.h"
#include "parley/base/status_macros.h"
#include "parley/device/cpu/cpu_device.h"

namespace parley {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kVersion[] = "1";
constexpr char kMetadata[] = "__metadata__";
constexpr size_t kLengthBytes = 8;

constexpr std::pair<DType, const char*> kDTypeNames[] = {
    {DType::kFloat32, "F32"}, {DType::kFloat64, "F64"},
    {DType::kFloat16, "F16"}, {DType::kBFloat16, "BF16"},
    {DType::kInt32, "I32"},   {DType::kInt64, "I64"},
    {DType::kUInt8, "U8"},    {DType::kBool, "BOOL"},
};

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string ChecksumText(uint64_t checksum) {
  return absl::StrCat("0x", absl::Hex(checksum, absl::kZeroPad16));
}

// The checksum covers the header too, with an empty text in its place.
uint64_t HashHeader(Json header) {
  header[kMetadata]["parley.checksum"] = "";
  return HashString(Dump(header));
}

// The tensor's elements, row-major, in `buffer` unless they lie so already.
absl::StatusOr<absl::string_view> RowMajor(const TensorView& tensor,
                                           std::vector<char>& buffer) {
  const size_t bytes = static_cast<size_t>(tensor.bytes());
  const TensorView like(tensor.data(), tensor.dtype(), tensor.shape());
  if (tensor.strides() == like.strides()) {
    return absl::string_view(static_cast<const char*>(tensor.data()), bytes);
  }
  buffer.resize(bytes);
  CpuDevice device;
  PARLEY_ASSIGN_OR_RETURN(auto stream, device.CreateStream());
  const TensorCopy copy = {
      tensor, TensorView(buffer.data(), tensor.dtype(), tensor.shape())};
  PARLEY_RETURN_IF_ERROR(device.Copy({&copy, 1}, *stream));
  PARLEY_RETURN_IF_ERROR(stream->WaitHost(absl::InfiniteDuration()));
  return absl::string_view(buffer.data(), bytes);
}

absl::StatusOr<Json> MakeHeader(const SavedState& state) {
  Json header;
  header[kMetadata] = {{"parley.version", kVersion},
                       {"parley.description", state.description},
                       {"parley.checksum", ""}};
  int64_t offset = 0;
  for (const NamedTensor& named : state.tensors) {
    const TensorView& tensor = named.tensor;
    if (tensor.device().kind != DeviceKind::kCpu ||
        header.contains(named.name)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tensor \"", named.name, "\": is on ", ToString(tensor.device()),
          "; must be on a CPU, and its name unique"));
    }
    const auto* name = std::find_if(
        std::begin(kDTypeNames), std::end(kDTypeNames),
        [&](const auto& entry) { return entry.first == tensor.dtype(); });
    header[named.name] = {{"dtype", name->second},
                          {"shape", std::vector<int64_t>(tensor.shape().begin(),
                                                         tensor.shape().end())},
                          {"data_offsets", {offset, offset + tensor.bytes()}}};
    offset += tensor.bytes();
  }
  uint64_t checksum = HashHeader(header);
  std::vector<char> buffer;
  for (const NamedTensor& named : state.tensors) {
    PARLEY_ASSIGN_OR_RETURN(absl::string_view bytes,
                            RowMajor(named.tensor, buffer));
    checksum = HashBytes(bytes.data(), bytes.size(), checksum);
  }
  header[kMetadata]["parley.checksum"] = ChecksumText(checksum);
  return header;
}

// A file that is being written; closes it.
class OutputFile {
 public:
  explicit OutputFile(const std::string& path)
      : path_(path),
        descriptor_(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666)) {}
  ~OutputFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  absl::Status Write(absl::string_view bytes) {
    if (descriptor_ < 0) return Error("open");
    while (!bytes.empty()) {
      const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return Error("write");
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }

  absl::Status Sync() {
    return fsync(descriptor_) == 0 ? absl::OkStatus() : Error("fsync");
  }

 private:
  absl::Status Error(const char* call) const {
    return absl::ErrnoToStatus(errno, absl::StrCat(path_, ": ", call));
  }

  const std::string path_;
  const int descriptor_;
};

absl::Status WriteFile(const std::string& path, const Json& header,
                       const SavedState& state) {
  std::string text = Dump(header);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string length;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    length.push_back(static_cast<char>(text.size() >> (8 * i)));
  }
  OutputFile file(path);
  PARLEY_RETURN_IF_ERROR(file.Write(length));
  PARLEY_RETURN_IF_ERROR(file.Write(text));
  std::vector<char> buffer;
  for (const NamedTensor& named : state.tensors) {
    PARLEY_ASSIGN_OR_RETURN(absl::string_view bytes,
                            RowMajor(named.tensor, buffer));
    PARLEY_RETURN_IF_ERROR(file.Write(bytes));
  }
  return file.Sync();
}

// Makes a rename last. A file system that cannot sync directories is not an
// error of the checkpoint's.
void SyncDirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory =
      slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int descriptor = open(directory.c_str(), O_RDONLY | O_DIRECTORY);
  if (descriptor < 0) return;
  fsync(descriptor);
  close(descriptor);
}

absl::Status Damaged(const std::string& path, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(path, ": ", what));
}

// A field that must be a text; empty if it is not.
std::string TextField(const Json& object, const char* name) {
  if (!object.is_object() || !object.contains(name)) return "";
  const Json& value = object[name];
  return value.is_string() ? value.get<std::string>() : "";
}

bool IsListOfSizes(const Json& value) {
  return value.is_array() &&
         std::all_of(value.begin(), value.end(), [](const Json& size) {
           return size.is_number_unsigned();
         });
}

// One entry of the header's table of tensors, over `data`.
absl::StatusOr<TensorView> ParseTensor(const Json& entry,
                                       absl::Span<char> data) {
  const auto bad = absl::DataLossError("not a tensor of this file");
  const std::string dtype_name = TextField(entry, "dtype");
  const auto* dtype = std::find_if(
      std::begin(kDTypeNames), std::end(kDTypeNames),
      [&](const auto& known) { return dtype_name == known.second; });
  if (dtype == std::end(kDTypeNames) || !entry.contains("shape") ||
      !IsListOfSizes(entry["shape"]) || !entry.contains("data_offsets") ||
      !entry["data_offsets"].is_array() || entry["data_offsets"].size() != 2) {
    return bad;
  }
  const auto shape = entry["shape"].get<std::vector<int64_t>>();
  const Json& begin = entry["data_offsets"][0];
  const Json& end = entry["data_offsets"][1];
  if (shape.size() > TensorView::kMaxDimensions ||
      !begin.is_number_unsigned() || !end.is_number_unsigned() ||
      begin.get<uint64_t>() > end.get<uint64_t>() ||
      end.get<uint64_t>() > data.size()) {
    return bad;
  }
  // Divides instead of multiplying, which could overflow.
  uint64_t left = end.get<uint64_t>() - begin.get<uint64_t>();
  const bool empty =
      std::find(shape.begin(), shape.end(), 0) != shape.end() && left == 0;
  for (int64_t size : shape) {
    if (empty) break;
    if (size == 0 || left % static_cast<uint64_t>(size) != 0) return bad;
    left /= static_cast<uint64_t>(size);
  }
  if (!empty && left != static_cast<uint64_t>(SizeOf(dtype->first))) return bad;
  return TensorView(data.data() + begin.get<uint64_t>(), dtype->first, shape);
}

}  // namespace

absl::Status WriteCheckpoint(const std::string& path, const SavedState& state) {
  PARLEY_ASSIGN_OR_RETURN(const Json header, MakeHeader(state));
  const std::string temporary = path + ".tmp";
  absl::Status status = WriteFile(temporary, header, state);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = absl::ErrnoToStatus(errno, absl::StrCat(path, ": rename"));
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  SyncDirectoryOf(path);
  return absl::OkStatus();
}

absl::StatusOr<Checkpoint> ReadCheckpoint(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::ErrnoToStatus(errno, absl::StrCat(path, ": open"));
  Checkpoint checkpoint;
  std::vector<char>& data = checkpoint.data;
  file.seekg(0, std::ios::end);
  data.resize(static_cast<size_t>(std::max<std::streamoff>(0, file.tellg())));
  file.seekg(0);
  if (!file.read(data.data(), static_cast<std::streamsize>(data.size()))) {
    return Damaged(path, "cannot be read");
  }

  uint64_t length = 0;
  if (data.size() < kLengthBytes) return Damaged(path, "shorter than a header");
  for (size_t i = 0; i < kLengthBytes; ++i) {
    length |= uint64_t{static_cast<unsigned char>(data[i])} << (8 * i);
  }
  if (length > data.size() - kLengthBytes) {
    return Damaged(path, "shorter than its header says");
  }
  const char* text = data.data() + kLengthBytes;
  const Json header = Json::parse(text, text + length, /*cb=*/nullptr,
                                  /*allow_exceptions=*/false);
  if (!header.is_object() || !header.contains(kMetadata)) {
    return Damaged(path, "no header of a checkpoint");
  }
  const Json& metadata = header[kMetadata];
  const std::string version = TextField(metadata, "parley.version");
  if (version != kVersion) {
    return Damaged(
        path, absl::StrCat("parley.version: \"", version, "\" in the file, \"",
                           kVersion, "\" here"));
  }
  const absl::Span<char> rest =
      absl::MakeSpan(data).subspan(kLengthBytes + length);
  uint64_t checksum = HashHeader(header);
  for (const auto& [name, entry] : header.items()) {
    if (name == kMetadata) continue;
    const absl::StatusOr<TensorView> tensor = ParseTensor(entry, rest);
    if (!tensor.ok()) {
      return Damaged(path, absl::StrCat("tensor \"", name,
                                        "\": ", tensor.status().message()));
    }
    checksum = HashBytes(tensor->data(), static_cast<size_t>(tensor->bytes()),
                         checksum);
    checkpoint.state.tensors.push_back({name, *tensor});
  }
  if (TextField(metadata, "parley.checksum") != ChecksumText(checksum)) {
    return Damaged(path, "parley.checksum: does not match the contents");
  }
  checkpoint.state.description = TextField(metadata, "parley.description");
  return checkpoint;
}

}  // namespace parley
