// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Workload: a case with all its values, and with what meetings must make of
// them by tests/support/reference.h. Meet() has ranks of the backend that is
// under test (tests/support/backend.h) hold these meetings, and compares.
//
//   const Workload workload(drawn);
//   const Outcome outcome = Meet(workload, variation);
//
// Thread-safety: a Workload is immutable; Meet() is called by one thread.
#ifndef PARLEY_TESTS_PROPERTIES_MEETINGS_H_
#define PARLEY_TESTS_PROPERTIES_MEETINGS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "parley/tests/properties/cases.h"
#include "parley/tests/properties/replica.h"

namespace parley::testing::properties {

class Workload {
 public:
  // `of` must outlive this.
  explicit Workload(const Case& of);

  const Case& of() const { return of_; }
  const std::vector<Layout>& layouts() const { return layouts_; }

  // What a rank brings to a meeting, and what it must have behind it.
  const Elements& Before(size_t meeting, size_t rank, size_t tensor) const {
    return before_[meeting][rank][tensor];
  }
  const Elements& After(size_t meeting, size_t rank, size_t tensor) const;

  // Whether there is anything to exchange.
  bool IsHeld(size_t meeting) const;

  // Bytes of parameters that all ranks together receive from others in all
  // meetings if each element travels once. For cases in which none sits out.
  int64_t BytesReceived() const;

 private:
  bool IsMet(size_t meeting, const TensorSpec& spec) const;
  Elements Result(size_t meeting, size_t tensor) const;

  const Case& of_;
  const std::vector<Layout> layouts_;
  std::array<std::vector<std::vector<Elements>>, kMeetings> before_;
  std::array<std::vector<Elements>, kMeetings> results_;  // by tensor
};

// What ranks have in common behind all meetings.
struct Outcome {
  // OK if all is as the workload says on all ranks.
  absl::Status status;
  size_t buckets = 0;
  std::array<uint64_t, kMeetings> fingerprints = {};
  // Bytes of parameters that ranks say they received, and what of that are
  // zeros behind what is packed, in a case in which no tensor sits out.
  int64_t bytes_reported = 0;
  int64_t padding_bytes = 0;

  // Of the simulator as the backend. Bytes that it moved between ranks.
  int64_t bytes_moved = 0;
  uint64_t trace_hash = 0;
  int64_t virtual_ns = 0;
};

Outcome Meet(const Workload& workload, const Variation& variation);

// In a property, which fails if its status is not OK.
Outcome MustMeet(const Workload& workload, const Variation& variation);

// What the headers of Create() and of all meetings add to bytes_moved.
int64_t HeaderBytes(const Case& of);

}  // namespace parley::testing::properties

#endif  // PARLEY_TESTS_PROPERTIES_MEETINGS_H_
