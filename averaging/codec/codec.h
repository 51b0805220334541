// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_CODEC_CODEC_H_
#define PARLEY_AVERAGING_CODEC_CODEC_H_

#include "absl/status/status.h"
#include "parley/averaging/description.h"
#include "parley/averaging/parameters.h"
#include "parley/device/dtype.h"

namespace parley {

// What crosses the wire in place of parameters: the difference of each from the
// anchor, which is the model that ranks last agreed on, in fewer bits. Both
// ways are encoded. What ranks bring is summed in float64 after decoding, and
// the mean is encoded once more; every rank, the one that formed it included,
// takes the mean from what was sent. So ranks end equal; and replicas that have
// not moved do not move, for their differences are zero.
//
//   .codec = BFloat16Codec()  // half of float32's bytes
//
// docs/extending.md says what a new codec needs.
//
// Thread-safety: immutable; all methods may be called by any thread.
class Codec {
 public:
  virtual ~Codec() = default;

  // kInvalidArgument, naming the parameter, for what it cannot encode.
  virtual absl::Status Check(const ParameterSet& parameters) const = 0;

  // What ranks compare and what a saved state is checked against. The first
  // field is the kind.
  virtual Description Describe() const = 0;

  // The dtype to which differences are rounded.
  virtual DType wire() const = 0;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_CODEC_CODEC_H_
