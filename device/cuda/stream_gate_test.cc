// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/cuda/stream_gate.h"

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "parley/device/cuda/grid.h"

namespace parley {
namespace {

TEST(StreamGateTest, StopsWhatWasEnqueuedBehindAFailure) {
  int64_t word = 0;
  StreamGate gate(&word);
  const StreamTicket before = gate.TakeForKernel();
  const int64_t operation = gate.Take();
  const StreamTicket behind = gate.TakeForKernel();
  EXPECT_TRUE(behind.MayRun());
  EXPECT_TRUE(gate.failure().ok());

  gate.Close(operation, absl::UnavailableError("gone"));
  EXPECT_TRUE(before.MayRun());
  EXPECT_FALSE(behind.MayRun());
  EXPECT_FALSE(gate.TakeForKernel().MayRun());
  EXPECT_TRUE(gate.closing());
  EXPECT_TRUE(gate.Open().ok());  // not while it is closing
  EXPECT_FALSE(behind.MayRun());

  gate.Settle(absl::UnavailableError("gone, and more is known"));
  EXPECT_FALSE(gate.closing());
  EXPECT_EQ(gate.Open(), absl::UnavailableError("gone, and more is known"));
  EXPECT_TRUE(gate.Open().ok());
  EXPECT_TRUE(gate.failure().ok());
  EXPECT_TRUE(gate.TakeForKernel().MayRun());
}

TEST(StreamGateTest, TheEarliestOperationStopsAndTheFirstFailureIsTold) {
  int64_t word = 0;
  StreamGate gate(&word);
  const int64_t first = gate.Take();
  const StreamTicket between = gate.TakeForKernel();
  const int64_t second = gate.Take();
  gate.Close(second, absl::UnavailableError("b"));
  EXPECT_TRUE(between.MayRun());
  gate.Close(first, absl::DeadlineExceededError("a"));
  EXPECT_FALSE(between.MayRun());
  gate.Settle(absl::DeadlineExceededError("a"));
  EXPECT_TRUE(gate.closing());
  gate.Settle(absl::UnavailableError("b"));
  EXPECT_FALSE(gate.closing());
  EXPECT_EQ(gate.Open(), absl::UnavailableError("b"));
}

// Whenever they are launched: before, behind or after the failure.
TEST(StreamGateTest, CapturedKernelsRunWhileItIsOpen) {
  int64_t word = 0;
  StreamGate gate(&word);
  const StreamTicket captured = gate.TakeForCapture();
  const int64_t operation = gate.Take();
  EXPECT_TRUE(captured.MayRun());
  gate.Close(operation, absl::UnavailableError("gone"));
  EXPECT_FALSE(captured.MayRun());
  gate.Settle(absl::UnavailableError("gone"));
  EXPECT_FALSE(captured.MayRun());
  EXPECT_FALSE(gate.Open().ok());
  EXPECT_TRUE(captured.MayRun());

  const StreamTicket kernel = gate.TakeForKernel();
  gate.Close(StreamGate::kAll, absl::UnavailableError("gone"));
  EXPECT_FALSE(kernel.MayRun());
  EXPECT_FALSE(captured.MayRun());
}

TEST(StreamGateTest, ADetachedGateLeavesTheWordAlone) {
  int64_t word = 0;
  StreamGate old(&word);
  const int64_t operation = old.Take();
  old.Detach();
  StreamGate gate(&word);
  const StreamTicket kernel = gate.TakeForKernel();
  old.Close(operation, absl::UnavailableError("late"));
  EXPECT_TRUE(kernel.MayRun());
}

TEST(StreamGateTest, WithoutAGateKernelsRun) {
  EXPECT_TRUE(StreamTicket().MayRun());
}

}  // namespace
}  // namespace parley
