// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/properties/replica.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace parley::testing::properties {
namespace {

constexpr int64_t kGuardBytes = 64;  // a multiple of every element's size
constexpr unsigned char kUntouched = 0x5a;

std::string Hex(const unsigned char* data, int64_t size) {
  return absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(data), static_cast<size_t>(size)));
}

}  // namespace

int64_t CountOf(const TensorSpec& spec) {
  int64_t count = 1;
  for (int64_t size : spec.shape) count *= size;
  return count;
}

Layout::Layout(TensorSpec spec) : spec_(std::move(spec)) {
  const int64_t size = SizeOf(spec_.dtype);
  size_t outer = spec_.shape.size();
  int64_t run = 1;
  while (outer > 0 && spec_.strides[outer - 1] == run) {
    run *= spec_.shape[--outer];
  }
  run_bytes_ = run * size;
  runs_ = {kGuardBytes};
  for (size_t d = 0; d < outer; ++d) {
    std::vector<int64_t> next;
    for (int64_t offset : runs_) {
      for (int64_t i = 0; i < spec_.shape[d]; ++i) {
        next.push_back(offset + i * spec_.strides[d] * size);
      }
    }
    runs_ = std::move(next);
  }
  int64_t end = kGuardBytes;
  for (int64_t offset : runs_) end = std::max(end, offset + run_bytes_);
  size_ = end + kGuardBytes;
}

TensorView Layout::View(void* memory, DeviceId device) const {
  return *TensorView::Strided(static_cast<unsigned char*>(memory) + kGuardBytes,
                              spec_.dtype, spec_.shape, spec_.strides, device);
}

std::vector<unsigned char> Layout::Scatter(const Elements& elements) const {
  std::vector<unsigned char> memory(static_cast<size_t>(size_), kUntouched);
  const unsigned char* from = elements.data();
  for (int64_t offset : runs_) {
    if (run_bytes_ == 0) break;
    std::memcpy(memory.data() + offset, from, static_cast<size_t>(run_bytes_));
    from += run_bytes_;
  }
  return memory;
}

std::string Layout::Difference(
    const unsigned char* got,
    const std::vector<unsigned char>& expected) const {
  const int64_t size = SizeOf(spec_.dtype);
  int64_t index = 0;
  for (int64_t begin : runs_) {
    for (int64_t at = begin; at < begin + run_bytes_; at += size, ++index) {
      const std::string a = Hex(&got[at], size);
      const std::string b = Hex(&expected[static_cast<size_t>(at)], size);
      if (a == b) continue;
      return absl::StrCat(spec_.name, "[", index, "] has the bytes ", a,
                          ", expected ", b);
    }
  }
  const auto other = std::mismatch(expected.begin(), expected.end(), got);
  return absl::StrCat(spec_.name, ": byte ",
                      other.first - expected.begin() - kGuardBytes,
                      ", which is no element's, was written");
}

std::vector<Layout> LayoutsOf(const std::vector<TensorSpec>& specs) {
  return std::vector<Layout>(specs.begin(), specs.end());
}

Replica::Replica(const std::vector<Layout>& layouts, Device& device)
    : layouts_(layouts), device_(device.id()) {
  for (size_t t = 0; t < layouts_.size(); ++t) {
    const TensorSpec& spec = layouts_[t].spec();
    memory_.push_back(
        Allocation::Create(device.host_visible_allocator(), layouts_[t].bytes())
            .value());
    Set(t, Elements(static_cast<size_t>(CountOf(spec) * SizeOf(spec.dtype))));
  }
}

TensorView Replica::view(size_t tensor) const {
  return layouts_[tensor].View(Memory(tensor), device_);
}

void Replica::Set(size_t tensor, const Elements& elements) {
  const std::vector<unsigned char> memory = layouts_[tensor].Scatter(elements);
  std::copy(memory.begin(), memory.end(), Memory(tensor));
}

absl::Status Replica::Expect(size_t tensor, const Elements& elements) const {
  const auto expected = layouts_[tensor].Scatter(elements);
  const unsigned char* got = Memory(tensor);
  if (std::equal(expected.begin(), expected.end(), got)) {
    return absl::OkStatus();
  }
  return absl::InternalError(layouts_[tensor].Difference(got, expected));
}

}  // namespace parley::testing::properties
