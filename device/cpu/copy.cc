// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/cpu/copy.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "parley/device/cpu/vector_ranges.h"
#include "parley/device/kernels/copy.h"

namespace parley {
namespace {

// Below this, what ends a stream of stores costs more than they save.
constexpr int64_t kLeastStreamed = 4096;

// Walks a tensor in row-major order, one run along its innermost dimension
// after the other.
class Cursor {
 public:
  explicit Cursor(const TensorView& view) {
    // Neighbouring dimensions that continue one another count as one.
    for (size_t d = 0; d < view.shape().size(); ++d) {
      const int64_t size = view.shape()[d];
      const int64_t stride = view.strides()[d];
      if (size == 1) continue;
      if (dimensions_ > 0 && strides_[dimensions_ - 1] == size * stride) {
        sizes_[dimensions_ - 1] *= size;
        strides_[dimensions_ - 1] = stride;
      } else {
        sizes_[dimensions_] = size;
        strides_[dimensions_] = stride;
        ++dimensions_;
      }
    }
    if (dimensions_ == 0) {
      sizes_[0] = 1;
      dimensions_ = 1;
    }
  }

  int64_t offset() const { return offset_; }
  int64_t stride() const { return strides_[dimensions_ - 1]; }
  // Elements left in the current run.
  int64_t run() const {
    return sizes_[dimensions_ - 1] - position_[dimensions_ - 1];
  }

  // Requires count <= run().
  void Advance(int64_t count) {
    int d = dimensions_ - 1;
    position_[d] += count;
    offset_ += count * strides_[d];
    while (d > 0 && position_[d] == sizes_[d]) {
      offset_ -= position_[d] * strides_[d];
      position_[d] = 0;
      --d;
      ++position_[d];
      offset_ += strides_[d];
    }
  }

 private:
  using Values = std::array<int64_t, TensorView::kMaxDimensions>;

  int dimensions_ = 0;
  Values sizes_{};
  Values strides_{};
  Values position_{};
  int64_t offset_ = 0;
};

// `size` is a constant in each instantiation, so that a copy is one move.
template <int64_t kSize>
void CopyElements(const TensorCopy& copy) {
  const auto* from = static_cast<const unsigned char*>(copy.from.data());
  auto* to = static_cast<unsigned char*>(copy.to.data());
  Cursor source(copy.from);
  Cursor target(copy.to);
  for (int64_t left = copy.to.count(); left > 0;) {
    const int64_t run = std::min(source.run(), target.run());
    const unsigned char* p = from + source.offset() * kSize;
    unsigned char* q = to + target.offset() * kSize;
    if (source.stride() == 1 && target.stride() == 1) {
      std::memcpy(q, p, static_cast<size_t>(run * kSize));
    } else {
      for (int64_t i = 0; i < run; ++i) {
        std::memcpy(q, p, kSize);
        p += source.stride() * kSize;
        q += target.stride() * kSize;
      }
    }
    source.Advance(run);
    target.Advance(run);
    left -= run;
  }
}

}  // namespace

void CopyTensor(const TensorCopy& copy, bool streaming) {
  if (copy.to.count() == 0) return;
  if (kernels::IsBlockCopy(copy)) {
    if (copy.to.data() == copy.from.data()) return;
    if (streaming && copy.to.bytes() >= kLeastStreamed) {
      vector::StreamBytes(copy.from.data(), copy.to.data(), copy.to.bytes());
    } else {
      std::memcpy(copy.to.data(), copy.from.data(),
                  static_cast<size_t>(copy.to.bytes()));
    }
    return;
  }
  switch (SizeOf(copy.to.dtype())) {
    case 1:
      return CopyElements<1>(copy);
    case 2:
      return CopyElements<2>(copy);
    case 4:
      return CopyElements<4>(copy);
    case 8:
      return CopyElements<8>(copy);
  }
}

}  // namespace parley
