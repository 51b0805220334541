// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_DIFFERENCE_H_
#define PARLEY_AVERAGING_DIFFERENCE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "parley/averaging/deadline.h"
#include "parley/averaging/description.h"
#include "parley/averaging/host_collectives.h"

namespace parley {

// "rank 1 differs from rank 0 in the step: 9 against 8".
std::string DescribeDifference(int rank, absl::string_view what,
                               absl::string_view value, int other,
                               absl::string_view other_value);

// Collective, with the same `rank` and `other` on all ranks: says in what the
// description of one differs from that of the other. Each rank gives its own,
// and what there is to say to explain it; the others' do not matter. What
// travels at a time, and the memory for it, depend neither on the number of
// ranks nor on that of fields.
absl::StatusOr<std::string> FindDifference(HostCollectives& hosts, int rank,
                                           int other, const Description& mine,
                                           absl::string_view note,
                                           const Deadline& deadline);

}  // namespace parley

#endif  // PARLEY_AVERAGING_DIFFERENCE_H_
