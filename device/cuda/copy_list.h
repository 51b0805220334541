// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// From the tensors of a Copy to the lists that its kernels take
// (copy_body.h): blocks of bytes where the layouts allow it, and elements, as
// wide as the layouts allow, elsewhere.
//
// Thread-safety: thread-safe.
#ifndef PARLEY_DEVICE_CUDA_COPY_LIST_H_
#define PARLEY_DEVICE_CUDA_COPY_LIST_H_

#include <cstdint>

#include "parley/device/cuda/copy_body.h"
#include "parley/device/kernels/arguments.h"
#include "parley/device/kernels/copy.h"

namespace parley {

// A copy whose elements are to be taken one by one. Requires count > 0.
ElementCopy ElementCopyOf(const TensorCopy& copy);

// Calls copy_blocks(const BlockCopyList&) and copy_elements(const
// ElementCopyList&) with full lists and then with what is left, in any order,
// until one returns an error, which is returned.
template <typename Error, typename CopyBlocks, typename CopyElements>
Error ForEachCopyList(const CopyArgs& args, const CopyBlocks& copy_blocks,
                      const CopyElements& copy_elements) {
  BlockCopyList blocks;
  ElementCopyList elements;
  Clear(blocks);
  Clear(elements);
  Error error{};
  for (int64_t i = 0; i < args.num_copies && error == Error{}; ++i) {
    const TensorCopy& copy = args.copies[i];
    const void* const from = copy.from.data();
    void* const to = copy.to.data();
    if (copy.to.count() == 0) continue;
    if (!kernels::IsBlockCopy(copy)) {
      const ElementCopy entry = ElementCopyOf(copy);
      if (AppendElements(elements, entry)) continue;
      error = copy_elements(elements);
      Clear(elements);
      AppendElements(elements, entry);
    } else if (from != to && !AppendBlock(blocks, from, to, copy.to.bytes())) {
      error = copy_blocks(blocks);
      Clear(blocks);
      AppendBlock(blocks, from, to, copy.to.bytes());
    }
  }
  if (error == Error{} && blocks.num_entries > 0) error = copy_blocks(blocks);
  if (error == Error{} && elements.num_entries > 0) {
    error = copy_elements(elements);
  }
  return error;
}

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_COPY_LIST_H_
