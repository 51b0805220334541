// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_WRITER_OUTER_WRITER_H_
#define PARLEY_AVERAGING_WRITER_OUTER_WRITER_H_

#include <cstdint>
#include <vector>

#include "parley/averaging/outer/outer_state.h"
#include "parley/averaging/parameters.h"
#include "parley/averaging/writer/writer.h"
#include "parley/device/device.h"

namespace parley {

// Takes an outer optimizer's step: one launch per bucket, which reads the mean
// and writes model and state. Differences are added to the anchor before it.
//
// Thread-safety: thread-compatible.
class OuterWriter final : public Writer {
 public:
  // For a plan of so many pieces and buckets. The others must outlive the
  // writer.
  OuterWriter(const ParameterSet& parameters, OuterState& state, Device& device,
              int64_t pieces, int64_t buckets);

  static int64_t BytesOf(const OuterOptimizer& optimizer, int64_t pieces,
                         int64_t buckets);

  int Select(int b, const BucketResult& result,
             absl::Span<const uint8_t> takes_part) override;
  absl::Status Issue(int b, MeetingKind kind, uint64_t* sum,
                     Stream& stream) override;

 private:
  struct Range {
    int first = 0;    // of steps_ and unpacks_
    int count = 0;    // those that take part
    int unpacks = 0;  // of these, strided ones
    DType model = DType::kFloat32;
    DType mean = DType::kFloat32;
    bool encoded = false;
    DType wire = DType::kFloat32;
  };

  TensorView MeanOf(const BucketResult& result) const;

  void AddPrints(int next, const Piece& piece, const void* model);

  const ParameterSet& parameters_;
  OuterState& state_;
  Device& device_;
  const int prints_per_piece_;
  std::vector<double> scalars_;
  std::vector<Range> ranges_;  // by bucket
  std::vector<ElementwisePiece> steps_;
  std::vector<ElementwisePiece> decodes_;
  std::vector<TensorCopy> unpacks_;
  std::vector<FingerprintPiece> prints_;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_WRITER_OUTER_WRITER_H_
