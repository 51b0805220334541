// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_WRITER_COPY_WRITER_H_
#define PARLEY_AVERAGING_WRITER_COPY_WRITER_H_

#include <cstdint>
#include <vector>

#include "parley/averaging/parameters.h"
#include "parley/averaging/writer/writer.h"
#include "parley/device/device.h"

namespace parley {

// Copies results into the tensors: the mean, or what was broadcast, is the new
// value.
//
// Thread-safety: thread-compatible.
class CopyWriter final : public Writer {
 public:
  // For a plan of so many pieces and buckets. `parameters` and `device` must
  // outlive the writer.
  CopyWriter(const ParameterSet& parameters, Device& device, int64_t pieces,
             int64_t buckets);

  static int64_t BytesOf(int64_t pieces, int64_t buckets);

  int Select(int b, const BucketResult& result,
             absl::Span<const uint8_t> takes_part) override;
  absl::Status Issue(int b, MeetingKind kind, uint64_t* sum,
                     Stream& stream) override;

 private:
  struct Range {
    int first = 0;  // of copies_ and prints_
    int count = 0;  // those that take part
    bool copies = true;
  };

  const ParameterSet& parameters_;
  Device& device_;
  std::vector<Range> ranges_;  // by bucket
  std::vector<TensorCopy> copies_;
  std::vector<FingerprintPiece> prints_;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_WRITER_COPY_WRITER_H_
