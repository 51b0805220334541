// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_CODEC_BFLOAT16_CODEC_H_
#define PARLEY_AVERAGING_CODEC_BFLOAT16_CODEC_H_

#include <memory>

#include "parley/averaging/codec/codec.h"

namespace parley {

// Differences of float32 parameters as bfloat16: half of the bytes. A
// difference keeps 8 bits of precision and float32's range, so the mean of
// replicas is apart from the exact one by at most 2^-7 of how far they have
// moved.
//
// Thread-safety: thread-safe.
std::shared_ptr<const Codec> BFloat16Codec();

}  // namespace parley

#endif  // PARLEY_AVERAGING_CODEC_BFLOAT16_CODEC_H_
