// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/codec/bfloat16_codec.h"

#include "absl/strings/str_cat.h"

namespace parley {
namespace {

class BFloat16 final : public Codec {
 public:
  absl::Status Check(const ParameterSet& parameters) const override {
    for (const ParameterSet::Entry& entry : parameters.entries()) {
      const DType dtype = entry.parameter.tensor.dtype();
      if (entry.policy != Policy::kAverage || dtype == DType::kFloat32) {
        continue;
      }
      return absl::InvalidArgumentError(absl::StrCat(
          "codec: bfloat16, which encodes float32, but parameter \"",
          entry.parameter.name, "\" is ", Name(dtype)));
    }
    return absl::OkStatus();
  }

  Description Describe() const override {
    Description description;
    description.Set("kind", "bfloat16");
    return description;
  }

  DType wire() const override { return DType::kBFloat16; }
};

}  // namespace

std::shared_ptr<const Codec> BFloat16Codec() {
  return std::make_shared<BFloat16>();
}

}  // namespace parley
