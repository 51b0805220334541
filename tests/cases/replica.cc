// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/cases/replica.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "parley/base/random.h"
#include "parley/base/status_macros.h"
#include "parley/device/cpu/cpu_device.h"
#include "parley/device/testing/values.h"
#include "parley/tests/support/reference.h"

namespace parley::testing {
namespace {

constexpr uint64_t kSeed = 20260727;
constexpr int64_t kGuardBytes = 64;
constexpr char kGuard = '\x5a';

size_t SizeOfElement(const TensorView& view) {
  return static_cast<size_t>(SizeOf(view.dtype()));
}

// Where the elements of a tensor lie, in bytes, in row-major order.
std::vector<int64_t> ElementOffsets(const TensorView& view) {
  std::vector<int64_t> offsets;
  std::vector<int64_t> index(view.shape().size());
  for (int64_t i = 0; i < view.count(); ++i) {
    int64_t offset = 0;
    for (size_t d = 0; d < index.size(); ++d) {
      offset += index[d] * view.strides()[d];
    }
    offsets.push_back(offset * SizeOf(view.dtype()));
    for (size_t d = index.size(); d-- > 0;) {
      if (++index[d] < view.shape()[d]) break;
      index[d] = 0;
    }
  }
  return offsets;
}

TensorView MakeView(const TensorSpec& spec, void* data, DeviceId device) {
  if (spec.strides.empty()) {
    return TensorView(data, spec.dtype, spec.shape, device);
  }
  return *TensorView::Strided(data, spec.dtype, spec.shape, spec.strides,
                              device);
}

char* CharsOf(const Allocation& memory) {
  return static_cast<char*>(memory.data());
}

}  // namespace

std::vector<Source> Everyone(int ranks, int64_t step) {
  std::vector<Source> sources;
  for (int r = 0; r < ranks; ++r) sources.push_back({r, step});
  return sources;
}

Replica::Replica(int rank, const std::vector<GroupSpec>& groups)
    : Replica(rank, HeapAllocator(), DeviceId{}, groups) {}

Replica::Replica(int rank, Device& device, const std::vector<GroupSpec>& groups)
    : Replica(rank, device.host_visible_allocator(), device.id(), groups) {}

Replica::Replica(int rank, Allocator& allocator, DeviceId device,
                 const std::vector<GroupSpec>& groups)
    : rank_(rank) {
  for (const GroupSpec& group : groups) {
    for (const TensorSpec& spec : group.tensors) {
      tensors_.push_back(
          MakeTensor(spec, group.policy, policies_.size(), allocator, device));
    }
    policies_.push_back(group.policy);
  }
  Train(-1);
}

Replica::Tensor Replica::MakeTensor(const TensorSpec& spec, Policy policy,
                                    size_t group, Allocator& allocator,
                                    DeviceId device) {
  Tensor tensor{spec.name, policy, group, {}, {}, {}};
  tensor.offsets = ElementOffsets(MakeView(spec, nullptr, device));
  int64_t extent = 0;
  for (int64_t& offset : tensor.offsets) {
    extent = std::max(extent, offset + SizeOf(spec.dtype));
    offset += kGuardBytes;
  }
  tensor.memory =
      Allocation::Create(allocator, kGuardBytes + extent + kGuardBytes).value();
  std::fill_n(CharsOf(tensor.memory), tensor.memory.bytes(), kGuard);
  tensor.view = MakeView(spec, CharsOf(tensor.memory) + kGuardBytes, device);
  return tensor;
}

// What `tensor` holds on `rank` at `step`.
std::string Replica::ValuesOf(const Tensor& tensor, int rank, int64_t step) {
  Random random = Random(kSeed)
                      .Fork("rank", static_cast<uint64_t>(rank))
                      .Fork("step", static_cast<uint64_t>(step))
                      .Fork(tensor.name);
  std::string bytes(static_cast<size_t>(tensor.view.bytes()), '\0');
  FillWithHardValues(random, tensor.view.dtype(), tensor.view.count(),
                     bytes.data());
  return bytes;
}

std::string Replica::Gather(const Tensor& tensor) {
  std::string bytes;
  for (int64_t offset : tensor.offsets) {
    bytes.append(CharsOf(tensor.memory) + offset, SizeOfElement(tensor.view));
  }
  return bytes;
}

void Replica::Scatter(absl::string_view bytes, Tensor& tensor) {
  const size_t size = SizeOfElement(tensor.view);
  for (size_t i = 0; i < tensor.offsets.size(); ++i) {
    std::memcpy(CharsOf(tensor.memory) + tensor.offsets[i],
                bytes.data() + i * size, size);
  }
}

void Replica::Train(int64_t step) {
  step_ = step;
  for (Tensor& tensor : tensors_) {
    Scatter(ValuesOf(tensor, rank_, step), tensor);
  }
}

std::vector<ParameterGroup> Replica::Groups() const {
  std::vector<ParameterGroup> groups(policies_.size());
  for (size_t g = 0; g < groups.size(); ++g) groups[g].policy = policies_[g];
  for (const Tensor& tensor : tensors_) {
    groups[tensor.group].parameters.push_back(
        {.name = tensor.name, .tensor = tensor.view});
  }
  return groups;
}

ParameterSet Replica::Parameters() const {
  return *ParameterSet::Create(Groups());
}

const Replica::Tensor& Replica::Find(absl::string_view name) const {
  for (const Tensor& tensor : tensors_) {
    if (tensor.name == name) return tensor;
  }
  std::fprintf(stderr, "no tensor is called %s\n", std::string(name).c_str());
  std::abort();
}

absl::Status Replica::Check(const Tensor& tensor, absl::string_view expected) {
  const size_t size = SizeOfElement(tensor.view);
  const char* begin = CharsOf(tensor.memory);
  std::vector<char> rest(begin, begin + tensor.memory.bytes());
  for (size_t i = 0; i < tensor.offsets.size(); ++i) {
    const absl::string_view got(CharsOf(tensor.memory) + tensor.offsets[i],
                                size);
    const absl::string_view want = expected.substr(i * size, size);
    if (got != want) {
      return absl::InternalError(
          absl::StrCat(tensor.name, "[", i, "], a ", Name(tensor.view.dtype()),
                       ", has the bytes ", absl::BytesToHexString(got),
                       ", expected ", absl::BytesToHexString(want)));
    }
    std::fill_n(rest.begin() + tensor.offsets[i], size, kGuard);
  }
  for (size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == kGuard) continue;
    return absl::InternalError(absl::StrCat(
        tensor.name, ": byte ", static_cast<int64_t>(i) - kGuardBytes,
        " from its first, which is no element, was written"));
  }
  return absl::OkStatus();
}

absl::Status Replica::CheckOwn(absl::string_view name, int64_t step) const {
  const Tensor& tensor = Find(name);
  return Check(tensor, ValuesOf(tensor, rank_, step));
}

absl::Status Replica::CheckOwn(int64_t step) const {
  for (const Tensor& tensor : tensors_) {
    PARLEY_RETURN_IF_ERROR(CheckOwn(tensor.name, step));
  }
  return absl::OkStatus();
}

std::string Replica::Mean(const Tensor& tensor,
                          absl::Span<const Source> sources) const {
  if (tensor.policy == Policy::kLeave) return ValuesOf(tensor, rank_, step_);
  std::vector<std::string> values;
  std::vector<const void*> inputs;
  std::vector<double> weights;
  for (const Source& source : sources) {
    values.push_back(ValuesOf(tensor, source.rank, source.step));
    weights.push_back(source.weight);
  }
  if (tensor.policy == Policy::kBroadcast) return values[0];
  for (const std::string& input : values) inputs.push_back(input.data());
  std::string mean(values[0].size(), '\0');
  ReferenceMean(tensor.view.dtype(), inputs, weights, tensor.view.count(),
                mean.data());
  return mean;
}

absl::Status Replica::CheckMean(absl::string_view name,
                                absl::Span<const Source> sources) const {
  const Tensor& tensor = Find(name);
  return Check(tensor, Mean(tensor, sources));
}

absl::Status Replica::CheckMean(absl::Span<const Source> sources) const {
  for (const Tensor& tensor : tensors_) {
    PARLEY_RETURN_IF_ERROR(CheckMean(tensor.name, sources));
  }
  return absl::OkStatus();
}

std::string Replica::Bytes() const {
  std::string bytes;
  for (const Tensor& tensor : tensors_) bytes += Gather(tensor);
  return bytes;
}

void Replica::SetBytes(absl::string_view bytes) {
  for (Tensor& tensor : tensors_) {
    Scatter(bytes, tensor);
    bytes.remove_prefix(static_cast<size_t>(tensor.view.bytes()));
  }
}

}  // namespace parley::testing
