// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The conformance suite of communicators where each rank is a process. All
// processes run the same tests in the same order; each runs its own rank of
// every test, and tells the others through the store how it ended, so that
// each has what all ranks returned and judges it as one process would.
//
//   RegisterConformanceTests(ProcessBackend(options));
//   GTEST_FLAG_SET(filter, ConformanceFilter(options.size));
//
// A job has a fixed number of ranks, so of the suite only what wants that many
// can run: ConformanceFilter() selects it.
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_TOOLS_GPU_CHECK_PROCESS_CONFORMANCE_H_
#define PARLEY_TOOLS_GPU_CHECK_PROCESS_CONFORMANCE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "parley/comm/nccl/nccl_communicator.h"
#include "parley/comm/store/store.h"
#include "parley/comm/testing/conformance.h"

namespace parley::gpu_check {

// `options` are those of this process's rank, and must outlive the tests. Every
// test gets a communicator of its own. A test for another number of ranks
// fails and says so.
parley::testing::ConformanceBackend ProcessBackend(const NcclOptions& options);

// What of the suite wants `ranks` ranks, for 1 to 3, as a filter for gtest.
// Without BarrierWaitsForAll, whose ranks must read the same time.
std::string ConformanceFilter(int ranks);

// Tells the others how this rank ended and returns how all did, in rank order.
// One that does not tell within `timeout` counts as kAborted, which no test
// expects.
std::vector<absl::Status> ShareStatuses(Store& store, absl::string_view key,
                                        int rank, int size,
                                        const absl::Status& own,
                                        absl::Duration timeout);

}  // namespace parley::gpu_check

#endif  // PARLEY_TOOLS_GPU_CHECK_PROCESS_CONFORMANCE_H_
