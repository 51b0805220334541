// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// DescribeDifference: compares what the flight recorders of several ranks held
// when something failed, and says who is to be looked at.
//
//   for (const std::string& line : DescribeDifference(dumps)) {
//     std::cout << line << '\n';
//   }
//
//   world: rank 3 never reached #17 AllReduce float32[1048576]; its last is #16
//   Barrier (completed)
//
// For each communicator, in this order: two dumps of one rank; ranks that gave
// no dump; the first operation on whose arguments ranks disagree; and, at the
// first operation that some rank has not completed, who never reached it, on
// whom it did not start, and who has it behind him.
#ifndef PARLEY_COMM_NCCL_FLIGHT_DIFFERENCE_H_
#define PARLEY_COMM_NCCL_FLIGHT_DIFFERENCE_H_

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "parley/comm/nccl/flight_dump.h"

namespace parley {

// One finding per line; none where all operations of all dumps are complete
// and agree.
std::vector<std::string> DescribeDifference(absl::Span<const FlightDump> dumps);

}  // namespace parley

#endif  // PARLEY_COMM_NCCL_FLIGHT_DIFFERENCE_H_
