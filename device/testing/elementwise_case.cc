// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/testing/elementwise_case.h"

#include "absl/strings/str_cat.h"
#include "parley/device/kernels/elementwise.h"
#include "parley/device/tensor.h"
#include "parley/device/testing/values.h"

namespace parley {
namespace {

constexpr int64_t kGuard = 64;
constexpr uint8_t kPoison = 0xa5;
constexpr DType kFloating[] = {DType::kFloat32, DType::kFloat64,
                               DType::kFloat16, DType::kBFloat16};
// The ends of a Lerp among them.
constexpr double kScalars[] = {0, 1, 0.1, 0.25, 0.999, -0.3};

enum class Alignment { kAligned, kAlike, kAny };

// An operand that is only read and one that is written, or -1.
struct Shared {
  int read = -1;
  int written = -1;
};

Shared DrawShared(Random& random, const ElementwiseSignature& signature) {
  Shared shared;
  if (random.Uniform(4) != 0) return shared;
  for (int k = 0; k < signature.num_operands(); ++k) {
    const ElementwiseOperand& operand = signature.operands[k];
    (operand.is_written() ? shared.written : shared.read) = k;
  }
  return shared.read < 0 ? Shared() : shared;
}

}  // namespace

ElementwiseCase::ElementwiseCase(Random& random, ElementwiseOp op,
                                 absl::Span<const int64_t> counts)
    : counts_(counts.begin(), counts.end()) {
  const ElementwiseSignature signature = kernels::SignatureOf(op);
  operands_ = signature.num_operands();
  args_.op = op;
  // As often as not all dtypes are equal.
  const DType common = kFloating[random.Uniform(4)];
  const bool alike = random.Uniform(2) == 0;
  for (int k = 0; k < operands_; ++k) {
    args_.dtypes[k] = alike ? common : kFloating[random.Uniform(4)];
  }
  for (int k = 0; k < signature.num_scalars(); ++k) {
    args_.scalars[k] = kScalars[random.Uniform(6)];
  }
  const Shared shared = DrawShared(random, signature);
  if (shared.written >= 0) {
    args_.dtypes[shared.written] = args_.dtypes[shared.read];
  }
  const auto alignment = static_cast<Alignment>(random.Uniform(3));
  const auto elements_off = static_cast<int64_t>(random.Uniform(8));
  for (const int64_t count : counts_) {
    std::vector<int64_t> offsets;
    for (int k = 0; k < operands_; ++k) {
      const int64_t size = SizeOf(args_.dtypes[k]);
      int64_t at = (static_cast<int64_t>(arena_.size()) + kGuard) / 64 * 64;
      if (alignment == Alignment::kAlike) at += elements_off * size;
      if (alignment == Alignment::kAny) {
        at += static_cast<int64_t>(random.Uniform(64));
      }
      arena_.resize(static_cast<size_t>(at + count * size + kGuard), kPoison);
      FillWithHardValues(random, args_.dtypes[k], count, &arena_[at]);
      offsets.push_back(at);
    }
    if (shared.written >= 0) offsets[shared.written] = offsets[shared.read];
    offsets_.push_back(offsets);
  }
  arena_.resize(arena_.size() + kGuard, kPoison);
}

ElementwiseCase::Launch ElementwiseCase::Over(void* arena) const {
  Launch launch;
  launch.args_ = args_;
  for (size_t i = 0; i < counts_.size(); ++i) {
    ElementwisePiece piece;
    piece.count = counts_[i];
    for (int k = 0; k < operands_; ++k) {
      piece.operands[k] = static_cast<uint8_t*>(arena) + offsets_[i][k];
    }
    launch.pieces_.push_back(piece);
  }
  return launch;
}

std::string ElementwiseCase::ToString() const {
  const ElementwiseSignature signature = kernels::SignatureOf(args_.op);
  std::string text = kernels::NameOf(args_.op);
  for (int k = 0; k < operands_; ++k) {
    absl::StrAppend(&text, k == 0 ? " of " : ", ", Name(args_.dtypes[k]));
  }
  for (int k = 0; k < signature.num_scalars(); ++k) {
    absl::StrAppend(&text, k == 0 ? " with " : ", ", args_.scalars[k]);
  }
  return absl::StrCat(text, ", ", counts_.size(), " pieces");
}

}  // namespace parley
