// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_BUCKET_H_
#define PARLEY_AVERAGING_BUCKET_H_

#include <cstdint>

#include "parley/averaging/parameters.h"
#include "parley/device/tensor.h"

namespace parley {

class Route;

// A contiguous range of a parameter's elements, in storage order.
//
// Thread-safety: thread-compatible, a value.
struct Piece {
  int parameter;        // index into ParameterSet::entries()
  int64_t first_index;  // of the piece's first element in its tensor
  int64_t offset;       // of the piece in its bucket, in elements
  TensorView view;      // in that order; one-dimensional if dense

  bool IsContiguous() const {
    return view.shape().size() == 1 && view.IsDense();
  }
};

// What is exchanged in one go: elements of one dtype and one policy.
//
// Thread-safety: thread-compatible, a value.
struct Bucket {
  Policy policy;  // not kLeave
  DType tensor_dtype;
  DType dtype;      // in which it is exchanged
  bool in_place;    // one dense piece, exchanged where it lies
  bool outer_step;  // an outer optimizer makes the model of the mean
  bool encoded;     // differences from the anchor are exchanged
  int64_t count;    // elements that are exchanged
  // The last of these, of no piece: zeros, so that all shards start at
  // multiples of Allocator::kAlignment bytes.
  int64_t padding;
  int first_piece;  // index into AveragingPlan::pieces()
  int num_pieces;
  const Route* route;  // how it is exchanged; lives as long as the plan

  // Copies that pack it: of each piece, and of zeros.
  int num_packs() const { return in_place ? 0 : num_pieces + (padding > 0); }

  int64_t bytes() const { return count * SizeOf(dtype); }
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_BUCKET_H_
