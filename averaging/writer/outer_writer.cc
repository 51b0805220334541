// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/writer/outer_writer.h"

#include <algorithm>

#include "parley/base/hash.h"
#include "parley/base/status_macros.h"

namespace parley {
namespace {

// The places of operands in an outer step (outer_optimizer.h).
constexpr int kModel = 0;
constexpr int kAnchor = 1;
constexpr int kMean = 2;

int OperandOf(size_t copy) {
  return copy == 0 ? kAnchor : kMean + static_cast<int>(copy);
}

}  // namespace

OuterWriter::OuterWriter(const ParameterSet& parameters, OuterState& state,
                         Device& device, int64_t pieces, int64_t buckets)
    : parameters_(parameters),
      state_(state),
      device_(device),
      prints_per_piece_(1 + static_cast<int>(state.copies().size())),
      scalars_(state.optimizer().scalars()),
      ranges_(static_cast<size_t>(buckets)),
      steps_(static_cast<size_t>(pieces)),
      decodes_(static_cast<size_t>(pieces)),
      unpacks_(static_cast<size_t>(pieces)),
      prints_(static_cast<size_t>(pieces * prints_per_piece_)) {}

int64_t OuterWriter::BytesOf(const OuterOptimizer& optimizer, int64_t pieces,
                             int64_t buckets) {
  const int64_t prints = 2 + static_cast<int64_t>(optimizer.state().size());
  return pieces * static_cast<int64_t>(2 * sizeof(ElementwisePiece) +
                                       sizeof(TensorCopy) +
                                       prints * sizeof(FingerprintPiece)) +
         buckets * static_cast<int64_t>(sizeof(Range)) +
         static_cast<int64_t>(kMaxScalars * sizeof(double));
}

// Where the step finds the mean: behind the decoding of differences, in
// `stage`.
TensorView OuterWriter::MeanOf(const BucketResult& result) const {
  const Bucket& bucket = result.bucket;
  if (!bucket.encoded) return result.result;
  return {result.stage, ParameterCopies::DTypeFor(bucket.tensor_dtype),
          bucket.count, result.result.device()};
}

int OuterWriter::Select(int b, const BucketResult& result,
                        absl::Span<const uint8_t> takes_part) {
  const TensorView mean = MeanOf(result);
  Range& range = ranges_[b];
  range = {.first = result.bucket.first_piece,
           .model = result.bucket.tensor_dtype,
           .mean = mean.dtype(),
           .encoded = result.bucket.encoded,
           .wire = result.result.dtype()};
  const int64_t size = SizeOf(range.model);
  for (const Piece& piece : result.pieces) {
    if (!takes_part[piece.parameter]) continue;
    const int64_t count = piece.view.count();
    const int next = range.first + range.count++;
    void* model = piece.view.data();
    // The step writes contiguous memory.
    if (piece.view.shape().size() != 1 || !piece.view.IsDense()) {
      model = static_cast<char*>(result.stage) + piece.offset * size;
      unpacks_[range.first + range.unpacks++] = {
          {model, range.model, count, piece.view.device()}, piece.view};
    }
    ElementwisePiece& step = steps_[next];
    step.count = count;
    step.operands[kModel] = model;
    step.operands[kMean] = mean.Slice(piece.offset, count).data();
    for (size_t k = 0; k < state_.copies().size(); ++k) {
      step.operands[OperandOf(k)] =
          state_.copies()[k].At(piece.parameter, piece.first_index);
    }
    if (range.encoded) {
      decodes_[next] = {{step.operands[kMean], step.operands[kAnchor],
                         result.result.Slice(piece.offset, count).data()},
                        count};
    }
    AddPrints(next, piece, model);
  }
  return range.count;
}

// Of the model and of what is kept beside it, each with an id of its own.
void OuterWriter::AddPrints(int next, const Piece& piece, const void* model) {
  const uint64_t id = parameters_.entries()[piece.parameter].id;
  const int64_t count = piece.view.count();
  FingerprintPiece* prints = &prints_[next * prints_per_piece_];
  prints[0] = {model, piece.view.dtype(), count, id, piece.first_index};
  for (size_t k = 0; k < state_.copies().size(); ++k) {
    prints[1 + k] = {steps_[next].operands[OperandOf(k)],
                     ParameterCopies::DTypeFor(piece.view.dtype()), count,
                     HashCombine(id, k + 1), piece.first_index};
  }
}

absl::Status OuterWriter::Issue(int b, MeetingKind kind, uint64_t* sum,
                                Stream& stream) {
  const Range& range = ranges_[b];
  if (range.encoded) {
    PARLEY_RETURN_IF_ERROR(
        device_.Elementwise({ElementwiseOp::kAddDifference,
                             {range.mean, range.mean, range.wire},
                             {},
                             &decodes_[range.first],
                             range.count},
                            stream));
  }
  ElementwiseArgs args;
  args.op = kind == MeetingKind::kStep ? state_.optimizer().op()
                                       : ElementwiseOp::kReset;
  std::fill(std::begin(args.dtypes), std::end(args.dtypes),
            ParameterCopies::DTypeFor(range.model));
  args.dtypes[kModel] = range.model;
  args.dtypes[kMean] = range.mean;
  if (kind == MeetingKind::kStep) {
    std::copy(scalars_.begin(), scalars_.end(), args.scalars);
  }
  args.pieces = &steps_[range.first];
  args.num_pieces = range.count;
  PARLEY_RETURN_IF_ERROR(device_.Elementwise(args, stream));
  if (range.unpacks > 0) {
    PARLEY_RETURN_IF_ERROR(device_.Copy(
        {&unpacks_[range.first], range.unpacks, /*streaming=*/true}, stream));
  }
  if (sum == nullptr) return absl::OkStatus();
  return device_.Fingerprint({&prints_[range.first * prints_per_piece_],
                              range.count * int64_t{prints_per_piece_}, sum},
                             stream);
}

}  // namespace parley
