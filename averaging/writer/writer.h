// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_WRITER_WRITER_H_
#define PARLEY_AVERAGING_WRITER_WRITER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "parley/averaging/bucket.h"
#include "parley/device/device.h"
#include "parley/device/tensor.h"

namespace parley {

// What a meeting does with the means that it has formed.
enum class MeetingKind : uint8_t {
  kStep,   // an outer optimizer, where there is one, takes a step
  kReset,  // the means are the model, and with an outer optimizer the anchor
};

// The result of a bucket, and what is free behind its last operation.
struct BucketResult {
  const Bucket& bucket;
  absl::Span<const Piece> pieces;
  TensorView result;
  bool in_tensor;  // `result` is the tensor itself
  void* stage;     // room for the bucket in the dtype of its tensors
};

// How the results of buckets get into the model: the last part of a bucket's
// way, behind its route. The exchange gives each of its buckets to one writer,
// which keeps the lists that its kernels read.
//
// Thread-safety: thread-compatible.
class Writer {
 public:
  virtual ~Writer() = default;

  // Which of the bucket's pieces are written from now on: those whose parameter
  // has a flag. Returns how many. `b` is the bucket's index in the plan.
  virtual int Select(int b, const BucketResult& result,
                     absl::Span<const uint8_t> takes_part) = 0;

  // Enqueues the writing of the pieces that were selected, and adds their
  // fingerprint, of all that was written, to `*sum`; null for none.
  virtual absl::Status Issue(int b, MeetingKind kind, uint64_t* sum,
                             Stream& stream) = 0;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_WRITER_WRITER_H_
