// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/packer.h"

#include <algorithm>

#include "parley/base/status_macros.h"

namespace parley {

Packer::Packer(Device& device, const ParameterCopies* anchor, int64_t packs,
               int64_t buckets)
    : device_(device),
      anchor_(anchor),
      ranges_(static_cast<size_t>(buckets)),
      copies_(static_cast<size_t>(packs)),
      casts_(static_cast<size_t>(packs)) {}

int64_t Packer::BytesOf(int64_t packs, int64_t buckets) {
  return packs * static_cast<int64_t>(sizeof(TensorCopy) +
                                      sizeof(ElementwisePiece)) +
         buckets * static_cast<int64_t>(sizeof(Range));
}

void Packer::Clear() {
  std::fill(ranges_.begin(), ranges_.end(), Range());
  next_copy_ = next_cast_ = 0;
}

void Packer::Add(int b, const Bucket& bucket, absl::Span<const Piece> pieces,
                 const TensorView& values, void* scratch, const void* zero) {
  Range& range = ranges_[b];
  range = {
      .first_copy = next_copy_,
      .first_cast = next_cast_,
      .op = bucket.encoded ? ElementwiseOp::kDifference : ElementwiseOp::kCast,
      .from = bucket.tensor_dtype,
      .to = bucket.dtype};
  const bool casts = bucket.encoded || bucket.dtype != bucket.tensor_dtype;
  for (const Piece& piece : pieces) {
    const int64_t count = piece.view.count();
    const TensorView to = values.Slice(piece.offset, count);
    if (!casts) {
      copies_[next_copy_++] = {piece.view, to};
      continue;
    }
    void* from = piece.view.data();
    if (!piece.IsContiguous()) {
      from = static_cast<char*>(scratch) +
             piece.offset * SizeOf(bucket.tensor_dtype);
      copies_[next_copy_++] = {
          piece.view, {from, bucket.tensor_dtype, count, piece.view.device()}};
    }
    void* const anchor = bucket.encoded
                             ? anchor_->At(piece.parameter, piece.first_index)
                             : nullptr;
    casts_[next_cast_++] = {{from, to.data(), anchor}, count};
  }
  if (bucket.padding > 0) {
    copies_[next_copy_++] = {
        {const_cast<void*>(zero), bucket.dtype, bucket.padding,
         values.device()},
        values.Slice(bucket.count - bucket.padding, bucket.padding)};
  }
  range.copies = next_copy_ - range.first_copy;
  range.casts = next_cast_ - range.first_cast;
}

absl::Status Packer::Issue(int b, Stream& stream) const {
  const Range& range = ranges_[b];
  if (range.copies > 0) {
    PARLEY_RETURN_IF_ERROR(
        device_.Copy({&copies_[range.first_copy], range.copies}, stream));
  }
  if (range.casts == 0) return absl::OkStatus();
  return device_.Elementwise(
      {range.op,
       {range.from, range.to, ParameterCopies::DTypeFor(range.from)},
       {},
       &casts_[range.first_cast],
       range.casts},
      stream);
}

}  // namespace parley
