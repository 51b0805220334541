// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What a meeting costs beyond the calls of NCCL and the copies that it is made
// of: both are timed in turns, over the same bytes in the same buckets. The raw
// side has no agreement, no kernels, no watchdog and no closing barrier.
//
//   PARLEY_ASSIGN_OR_RETURN(Overhead overhead,
//                           MeasureOverhead(options, {}));
//   std::cout << overhead.ToString();
//
// Thread-safety: functions of their arguments.
#ifndef PARLEY_TOOLS_GPU_CHECK_OVERHEAD_H_
#define PARLEY_TOOLS_GPU_CHECK_OVERHEAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "parley/comm/nccl/nccl_communicator.h"

namespace parley::gpu_check {

struct OverheadOptions {
  int64_t elements = 16 << 20;  // of float32
  int repetitions = 5;
};

// By repetition, as this rank saw it.
struct Overhead {
  std::vector<double> meeting_ms;
  std::vector<double> raw_ms;

  // Medians with the lowest and the highest, and the ratio of the medians.
  std::string ToString() const;
};

// Collective over at least 2 ranks, each with its `options`. kInternal if a
// meeting's mean is wrong, or if the raw calls do not move what they should.
absl::StatusOr<Overhead> MeasureOverhead(const NcclOptions& options,
                                         const OverheadOptions& overhead);

}  // namespace parley::gpu_check

#endif  // PARLEY_TOOLS_GPU_CHECK_OVERHEAD_H_
