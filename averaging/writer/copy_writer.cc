// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/writer/copy_writer.h"

#include "parley/base/status_macros.h"

namespace parley {

CopyWriter::CopyWriter(const ParameterSet& parameters, Device& device,
                       int64_t pieces, int64_t buckets)
    : parameters_(parameters),
      device_(device),
      ranges_(static_cast<size_t>(buckets)),
      copies_(static_cast<size_t>(pieces)),
      prints_(static_cast<size_t>(pieces)) {}

int64_t CopyWriter::BytesOf(int64_t pieces, int64_t buckets) {
  constexpr int64_t kPerPiece = sizeof(TensorCopy) + sizeof(FingerprintPiece);
  return pieces * kPerPiece + buckets * static_cast<int64_t>(sizeof(Range));
}

int CopyWriter::Select(int b, const BucketResult& result,
                       absl::Span<const uint8_t> takes_part) {
  Range& range = ranges_[b];
  range = {result.bucket.first_piece, 0, !result.in_tensor};
  for (const Piece& piece : result.pieces) {
    if (!takes_part[piece.parameter]) continue;
    const TensorView from =
        result.result.Slice(piece.offset, piece.view.count());
    const int next = range.first + range.count++;
    copies_[next] = {from, piece.view};
    prints_[next] = {from.data(), from.dtype(), from.count(),
                     parameters_.entries()[piece.parameter].id,
                     piece.first_index};
  }
  return range.count;
}

absl::Status CopyWriter::Issue(int b, MeetingKind, uint64_t* sum,
                               Stream& stream) {
  const Range& range = ranges_[b];
  if (range.copies) {
    PARLEY_RETURN_IF_ERROR(device_.Copy(
        {&copies_[range.first], range.count, /*streaming=*/true}, stream));
  }
  if (sum == nullptr) return absl::OkStatus();
  return device_.Fingerprint({&prints_[range.first], range.count, sum}, stream);
}

}  // namespace parley
