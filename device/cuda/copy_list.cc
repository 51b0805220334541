// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/cuda/copy_list.h"

namespace parley {
namespace {

static_assert(ElementLayout::kMaxDimensions == TensorView::kMaxDimensions);

// Neighbouring dimensions that continue one another count as one.
ElementLayout LayoutOf(const TensorView& view) {
  ElementLayout layout = {};
  for (size_t d = 0; d < view.shape().size(); ++d) {
    const int64_t size = view.shape()[d];
    const int64_t stride = view.strides()[d];
    const int last = layout.dimensions - 1;
    if (size == 1) continue;
    if (last >= 0 && layout.strides[last] == size * stride) {
      layout.sizes[last] *= size;
      layout.strides[last] = stride;
    } else {
      layout.sizes[last + 1] = size;
      layout.strides[last + 1] = stride;
      ++layout.dimensions;
    }
  }
  if (layout.dimensions == 0) {
    layout.sizes[0] = 1;
    layout.strides[0] = 1;
    layout.dimensions = 1;
  }
  return layout;
}

bool IsAlignedTo(const void* data, int bytes) {
  return reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(bytes) == 0;
}

// Whether each two neighbours of the innermost dimension can count as one
// element.
bool CanPair(const ElementLayout& layout) {
  const int last = layout.dimensions - 1;
  if (layout.strides[last] != 1 || layout.sizes[last] % 2 != 0) return false;
  for (int d = 0; d < last; ++d) {
    if (layout.strides[d] % 2 != 0) return false;
  }
  return true;
}

void Pair(ElementLayout& layout) {
  const int last = layout.dimensions - 1;
  layout.sizes[last] /= 2;
  for (int d = 0; d < last; ++d) layout.strides[d] /= 2;
}

}  // namespace

ElementCopy ElementCopyOf(const TensorCopy& copy) {
  ElementCopy result;
  result.from = copy.from.data();
  result.to = copy.to.data();
  result.count = copy.to.count();
  result.begin = 0;
  result.from_layout = LayoutOf(copy.from);
  result.to_layout = LayoutOf(copy.to);
  result.width = static_cast<int>(SizeOf(copy.to.dtype()));
  while (result.width < kVectorBytes && CanPair(result.from_layout) &&
         CanPair(result.to_layout) &&
         IsAlignedTo(result.from, 2 * result.width) &&
         IsAlignedTo(result.to, 2 * result.width)) {
    Pair(result.from_layout);
    Pair(result.to_layout);
    result.count /= 2;
    result.width *= 2;
  }
  result.aligned = IsAlignedTo(result.from, result.width) &&
                   IsAlignedTo(result.to, result.width);
  return result;
}

}  // namespace parley
