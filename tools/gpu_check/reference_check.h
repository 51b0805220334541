// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Every kernel of a GPU against plain float64 arithmetic that shares no code
// with it, bit for bit, in the GPU's own memory, which the host writes and
// reads through copies. Each kernel gets fresh inputs; what it is to write is
// poisoned before, and so is what lies around it.
//
//   PARLEY_RETURN_IF_ERROR(CheckAgainstReferences(*device, seed, {1, 4099}));
//
// device/cuda/kernels_check.h compares with the CPU's kernels, in pinned
// memory; a mistake in the definition that both share is found only here.
//
// Thread-safety: functions of their arguments.
#ifndef PARLEY_TOOLS_GPU_CHECK_REFERENCE_CHECK_H_
#define PARLEY_TOOLS_GPU_CHECK_REFERENCE_CHECK_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "parley/device/cuda/cuda_device.h"

namespace parley::gpu_check {

// All dtypes, each count at several alignments. kInternal with the kernel, the
// dtype, the count, the alignment and the seed of the first difference.
absl::Status CheckAgainstReferences(CudaDevice& device, uint64_t seed,
                                    absl::Span<const int64_t> counts);

}  // namespace parley::gpu_check

#endif  // PARLEY_TOOLS_GPU_CHECK_REFERENCE_CHECK_H_
