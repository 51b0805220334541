// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/ring_queue.h"

#include <deque>

#include "gtest/gtest.h"
#include "parley/base/random.h"

namespace parley::sim {
namespace {

// Against std::deque, through growth and many turns of the ring.
TEST(RingQueueTest, BehavesLikeADeque) {
  RingQueue<int> queue;
  std::deque<int> expected;
  Random random(1);
  for (int i = 0; i < 5000; ++i) {
    if (random.Uniform(100) < 55 || expected.empty()) {
      queue.push_back(i);
      expected.push_back(i);
    } else {
      ASSERT_EQ(queue.front(), expected.front());
      queue.pop_front();
      expected.pop_front();
    }
    ASSERT_EQ(queue.size(), expected.size());
    ASSERT_EQ(queue.empty(), expected.empty());
    for (size_t k = 0; k < expected.size(); k += 17) {
      ASSERT_EQ(queue[k], expected[k]);
    }
  }
}

}  // namespace
}  // namespace parley::sim
