// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/native/model.h"

#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/base/random.h"
#include "parley/tests/support/reference.h"

namespace parley::testing::native {
namespace {

constexpr uint64_t kSeed = 20260701;

// Elements behind the last one of a tensor.
constexpr int64_t kGuard = 8;

constexpr int kUntouched = 0x5a;

size_t CountOf(const TensorSpec& spec) {
  return static_cast<size_t>(spec.rows * spec.columns);
}

}  // namespace

std::vector<TensorSpec> AllKinds() {
  std::vector<TensorSpec> specs;
  for (DType dtype :
       {DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16}) {
    const std::string name(Name(dtype));
    specs.push_back({absl::StrCat(name, ".large"), dtype, 1, 4001, 4001});
    specs.push_back({absl::StrCat(name, ".small"), dtype, 1, 13, 13});
    specs.push_back({absl::StrCat(name, ".gaps"), dtype, 9, 5, 8});
    specs.push_back({absl::StrCat(name, ".one"), dtype, 1, 1, 1});
  }
  return specs;
}

double Round(DType dtype, double value) {
  unsigned char element[8];
  FromDouble(dtype, value, element);
  return ToDouble(dtype, element);
}

std::vector<double> Draw(const TensorSpec& spec, int rank, int meeting) {
  Random random = Random(kSeed)
                      .Fork(spec.name)
                      .Fork("rank", static_cast<uint64_t>(rank))
                      .Fork("meeting", static_cast<uint64_t>(meeting));
  std::vector<double> values(CountOf(spec));
  for (double& value : values) {
    const double magnitude = std::ldexp(
        1 + random.UniformDouble(), static_cast<int>(random.Uniform(9)) - 4);
    value = Round(spec.dtype, random.Uniform(2) == 0 ? magnitude : -magnitude);
  }
  return values;
}

Model::Model(Device& device, std::vector<TensorSpec> specs)
    : specs_(std::move(specs)), device_(device.id()) {
  for (const TensorSpec& spec : specs_) {
    memory_.push_back(Allocation::Create(device.host_visible_allocator(),
                                         (spec.rows * spec.stride + kGuard) *
                                             SizeOf(spec.dtype))
                          .value());
    std::memset(memory_.back().data(), kUntouched,
                static_cast<size_t>(memory_.back().bytes()));
  }
}

TensorView Model::view(size_t tensor) const {
  const TensorSpec& spec = specs_[tensor];
  return TensorView::Strided(memory_[tensor].data(), spec.dtype,
                             {spec.rows, spec.columns}, {spec.stride, 1},
                             device_)
      .value();
}

ParameterSet Model::Parameters() const {
  ParameterGroup group;
  for (size_t t = 0; t < specs_.size(); ++t) {
    group.parameters.push_back({specs_[t].name, view(t)});
  }
  return ParameterSet::Create({group}).value();
}

void* Model::At(size_t tensor, size_t element) const {
  const TensorSpec& spec = specs_[tensor];
  const auto columns = static_cast<size_t>(spec.columns);
  const size_t offset =
      element / columns * static_cast<size_t>(spec.stride) + element % columns;
  return static_cast<char*>(memory_[tensor].data()) +
         offset * static_cast<size_t>(SizeOf(spec.dtype));
}

void Model::Set(size_t tensor, const std::vector<double>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    FromDouble(specs_[tensor].dtype, values[i], At(tensor, i));
  }
}

std::vector<double> Model::Get(size_t tensor) const {
  std::vector<double> values(CountOf(specs_[tensor]));
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = ToDouble(specs_[tensor].dtype, At(tensor, i));
  }
  return values;
}

absl::Status Model::CheckUntouched() const {
  for (size_t t = 0; t < specs_.size(); ++t) {
    const auto* const bytes = static_cast<const char*>(memory_[t].data());
    const auto size = static_cast<size_t>(SizeOf(specs_[t].dtype));
    std::string beside(bytes, static_cast<size_t>(memory_[t].bytes()));
    for (size_t i = 0; i < CountOf(specs_[t]); ++i) {
      const auto at =
          static_cast<size_t>(static_cast<const char*>(At(t, i)) - bytes);
      beside.replace(at, size, size, kUntouched);
    }
    const size_t written = beside.find_first_not_of(kUntouched);
    if (written == std::string::npos) continue;
    return absl::InternalError(absl::StrCat(specs_[t].name, ": byte ", written,
                                            " is of no element and written"));
  }
  return absl::OkStatus();
}

std::string Model::Bytes() const {
  std::string bytes;
  for (const Allocation& memory : memory_) {
    bytes.append(static_cast<const char*>(memory.data()),
                 static_cast<size_t>(memory.bytes()));
  }
  return bytes;
}

}  // namespace parley::testing::native
