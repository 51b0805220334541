// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_PACKER_H_
#define PARLEY_AVERAGING_PACKER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "parley/averaging/bucket.h"
#include "parley/averaging/parameter_copies.h"
#include "parley/device/device.h"
#include "parley/device/tensor.h"

namespace parley {

// How the pieces of buckets get into the memory that they are exchanged from,
// with zeros behind them: copied; widened, where the bucket is exchanged in
// another dtype than its tensors have; or encoded, as their differences from an
// anchor. Keeps the lists that the kernels read.
//
// Thread-safety: thread-compatible.
class Packer {
 public:
  // For a plan whose buckets need so many copies (Bucket::num_packs()).
  // `anchor` may be null where no bucket is encoded. It and `device` must
  // outlive the packer.
  Packer(Device& device, const ParameterCopies* anchor, int64_t packs,
         int64_t buckets);

  static int64_t BytesOf(int64_t packs, int64_t buckets);

  // Forgets all buckets.
  void Clear();

  // Bucket b of the plan, not in place, is packed into `values`. `scratch` has
  // room for the bucket in the dtype of its tensors, and `zero` holds as many
  // zeros as the bucket has padding. Each bucket is added once.
  void Add(int b, const Bucket& bucket, absl::Span<const Piece> pieces,
           const TensorView& values, void* scratch, const void* zero);

  // Enqueues the packing of bucket b, of what sits out, too; nothing for one
  // that was not added.
  absl::Status Issue(int b, Stream& stream) const;

 private:
  struct Range {
    int first_copy = 0;
    int copies = 0;
    int first_cast = 0;
    int casts = 0;
    ElementwiseOp op = ElementwiseOp::kCast;
    DType from = DType::kFloat32;
    DType to = DType::kFloat32;
  };

  Device& device_;
  const ParameterCopies* const anchor_;
  std::vector<Range> ranges_;  // by bucket
  std::vector<TensorCopy> copies_;
  std::vector<ElementwisePiece> casts_;
  int next_copy_ = 0;
  int next_cast_ = 0;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_PACKER_H_
