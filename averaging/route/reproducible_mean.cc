// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/route/reproducible_mean.h"

#include <algorithm>

#include "parley/base/status_macros.h"
#include "parley/comm/shard.h"

namespace parley {
namespace {

class ReproducibleMeanRoute final : public Route {
 public:
  absl::string_view name() const override { return "reproducible_mean"; }
  bool AllowsInPlace() const override { return true; }
  bool PacksIntoExchange() const override { return false; }
  bool WritesResult() const override { return false; }

  Footprint Needs(const Bucket& bucket, int ranks) const override {
    const int64_t shard_bytes =
        ShardOf(bucket.count, ranks, 0).count * SizeOf(bucket.dtype);
    Footprint needs;
    needs.exchange_bytes = ranks * shard_bytes;
    needs.stage_bytes = bucket.in_place ? shard_bytes : bucket.bytes();
    needs.argument_bytes = (ranks + 1) * static_cast<int64_t>(sizeof(void*));
    return needs;
  }

  int64_t BytesReceived(const Bucket& bucket, int ranks,
                        int rank) const override {
    const int64_t shard = ShardOf(bucket.count, ranks, rank).count;
    return ((ranks - 1) * shard + bucket.count - shard) * SizeOf(bucket.dtype);
  }

  absl::Status IssueFront(const BucketRun& run,
                          const Deadline& deadline) const override {
    PARLEY_RETURN_IF_ERROR(run.Pack());
    const TensorView shard = ShardIn(run);
    const TensorView recv(run.exchange, run.bucket.dtype,
                          run.communicator.size() * shard.count(),
                          run.device.id());
    PARLEY_RETURN_IF_ERROR(run.communicator
                               .AllToAll({&run.values, 1}, {&recv, 1},
                                         run.stream, deadline.ForCall())
                               .status());
    return shard.count() == 0 ? absl::OkStatus() : IssueMean(run, shard);
  }

  absl::StatusOr<Work> IssueOperation(const BucketRun& run,
                                      const Deadline& deadline) const override {
    const TensorView shard = ShardIn(run);
    return run.communicator.AllGather({&shard, 1}, {&run.result, 1}, run.stream,
                                      deadline.ForCall());
  }

  absl::Status IssueResult(const BucketRun&) const override {
    return absl::OkStatus();
  }

 private:
  // This rank's shard of the mean. What was packed is overwritten by it, since
  // all have sent theirs by then.
  static TensorView ShardIn(const BucketRun& run) {
    const int64_t count = ShardOf(run.bucket.count, run.communicator.size(),
                                  run.communicator.rank())
                              .count;
    return {run.stage, run.bucket.dtype, count, run.device.id()};
  }

  static absl::Status IssueMean(const BucketRun& run, const TensorView& shard) {
    const absl::Span<const int> ranks = run.weights.ranks();
    auto* const inputs = static_cast<const void**>(run.arguments);
    auto* const outputs = static_cast<void**>(run.arguments) + ranks.size();
    const auto* received = static_cast<const char*>(run.exchange);
    for (size_t i = 0; i < ranks.size(); ++i) {
      inputs[i] = received + ranks[i] * shard.bytes();
    }
    outputs[0] = shard.data();
    MeanArgs args;
    args.dtype = shard.dtype();
    args.num_inputs = static_cast<int>(ranks.size());
    args.num_outputs = 1;
    args.inputs = inputs;
    args.outputs = outputs;
    const bool weighted = !run.weights.are_equal() && IsFloating(shard.dtype());
    args.weights = weighted ? run.weights.values() : nullptr;
    args.count = shard.count();
    return run.device.Mean(args, run.stream);
  }
};

}  // namespace

const Route& ReproducibleMean() {
  static const ReproducibleMeanRoute route;
  return route;
}

}  // namespace parley
