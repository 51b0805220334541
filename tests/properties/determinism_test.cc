// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Meetings leave the same trace and the same fingerprint whichever of the
// ranks' threads is faster.
#include <cstddef>

#include "gtest/gtest.h"
#include "parley/tests/properties/cases.h"
#include "parley/tests/properties/meetings.h"
#include "parley/tests/properties/rapidcheck.h"

namespace parley::testing::properties {
namespace {

RC_GTEST_PROP(DeterminismTest, TraceAndFingerprintDoNotDependOnThreads, ()) {
  const Case drawn = *AnyCase();
  Variation variation = *AnyVariation();
  const Workload workload(drawn);
  variation.max_parallel = 1;
  const Outcome serial = Meet(workload, variation);
  if (!serial.status.ok()) RC_FAIL(serial.status.ToString());
  // 0 is all at once, here twice.
  for (const int parallel : {2, 0, 0}) {
    variation.max_parallel = parallel;
    const Outcome again = Meet(workload, variation);
    if (!again.status.ok()) RC_FAIL(again.status.ToString());
    RC_ASSERT(again.trace_hash == serial.trace_hash);
    RC_ASSERT(again.virtual_ns == serial.virtual_ns);
    RC_ASSERT(again.fingerprints == serial.fingerprints);
  }
}

// That they are equal says something only if they tell models apart.
RC_GTEST_PROP(DeterminismTest, OtherValuesHaveAnotherTraceAndFingerprint, ()) {
  Case drawn = *AnyCase();
  drawn.weights.fill({1, 2, 1});
  drawn.tensors.back().shape = {*rc::gen::inRange<int64_t>(1, 100)};
  drawn.tensors.back().strides = {1};
  Case other = drawn;
  other.seed += 1;
  const Variation variation = *AnyVariation();
  const Workload first(drawn);
  const Workload second(other);
  const Outcome one = Meet(first, variation);
  const Outcome two = Meet(second, variation);
  if (!one.status.ok()) RC_FAIL(one.status.ToString());
  if (!two.status.ok()) RC_FAIL(two.status.ToString());
  RC_ASSERT(one.trace_hash != two.trace_hash);
  const size_t last = drawn.tensors.size() - 1;
  for (size_t m = 0; m < kMeetings; ++m) {
    RC_PRE(first.After(m, 0, last) != second.After(m, 0, last));
    RC_ASSERT(one.fingerprints[m] != two.fingerprints[m]);
  }
}

}  // namespace
}  // namespace parley::testing::properties
