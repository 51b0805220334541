// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Values with which kernels and collectives are tested: ordinary numbers of
// very different sizes among which lie -0, subnormals, the largest numbers,
// infinities and NaNs with payloads.
//
//   std::vector<uint8_t> bytes(count * SizeOf(dtype));
//   FillWithHardValues(random, dtype, count, bytes.data());
//
// Thread-safety: thread-safe, given different generators.
#ifndef PARLEY_DEVICE_TESTING_VALUES_H_
#define PARLEY_DEVICE_TESTING_VALUES_H_

#include <cstdint>

#include "parley/base/random.h"
#include "parley/device/tensor.h"

namespace parley {

// Writes `count` elements to `data`, which needs no alignment. About one in
// eight floating-point elements is special, one in 64 is infinite or NaN.
void FillWithHardValues(Random& random, DType dtype, int64_t count, void* data);

}  // namespace parley

#endif  // PARLEY_DEVICE_TESTING_VALUES_H_
