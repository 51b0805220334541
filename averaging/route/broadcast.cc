// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/route/broadcast.h"

namespace parley {
namespace {

constexpr int kRoot = 0;

class BroadcastRoute final : public Route {
 public:
  absl::string_view name() const override { return "broadcast"; }
  bool AllowsInPlace() const override { return false; }
  bool PacksIntoExchange() const override { return true; }
  bool WritesResult() const override { return false; }

  Footprint Needs(const Bucket& bucket, int) const override {
    return {bucket.bytes(), 0, 0};
  }

  int64_t BytesReceived(const Bucket& bucket, int, int rank) const override {
    return rank == kRoot ? 0 : bucket.bytes();
  }

  absl::Status IssueFront(const BucketRun& run,
                          const Deadline&) const override {
    return run.Pack();
  }

  absl::StatusOr<Work> IssueOperation(const BucketRun& run,
                                      const Deadline& deadline) const override {
    return run.communicator.Broadcast({&run.result, 1}, kRoot, run.stream,
                                      deadline.ForCall());
  }

  absl::Status IssueResult(const BucketRun&) const override {
    return absl::OkStatus();
  }
};

}  // namespace

const Route& Broadcast() {
  static const BroadcastRoute route;
  return route;
}

}  // namespace parley
