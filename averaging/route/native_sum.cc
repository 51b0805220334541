// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/route/native_sum.h"

#include <new>
#include <type_traits>

#include "parley/base/status_macros.h"

namespace parley {
namespace {

// What the kernels beside a sum read.
struct Arguments {
  void* values[1];     // what this rank brings
  void* sum[1];        // the exchange area
  void* result[1];     // where the mean is wanted
  TensorCopy nothing;  // zeros to `sum`, which a rank of weight 0 adds
};
static_assert(std::is_trivially_destructible_v<Arguments>);

class NativeSumRoute final : public Route {
 public:
  absl::string_view name() const override { return "native_sum"; }
  bool AllowsInPlace() const override { return true; }
  bool PacksIntoExchange() const override { return true; }
  bool WritesResult() const override { return true; }

  Footprint Needs(const Bucket& bucket, int) const override {
    return {bucket.bytes(), 0, sizeof(Arguments)};
  }

  // Those of a ring.
  int64_t BytesReceived(const Bucket& bucket, int ranks, int) const override {
    return 2 * (bucket.bytes() - bucket.bytes() / ranks);
  }

  absl::Status IssueFront(const BucketRun& run,
                          const Deadline&) const override {
    const Arguments& arguments = Prepare(run);
    const double& weight = run.weights.of(run.communicator.rank());
    if (weight == 0)
      return run.device.Copy({&arguments.nothing, 1}, run.stream);
    PARLEY_RETURN_IF_ERROR(run.Pack());
    const bool first = DividesFirst(run);
    if (!first && !run.bucket.in_place) return absl::OkStatus();
    return run.device.Mean(
        {run.bucket.dtype, 1, 1, arguments.values, arguments.sum,
         run.weights.are_equal() ? nullptr : &weight, run.bucket.count,
         first ? run.weights.sum() : 1},
        run.stream);
  }

  absl::StatusOr<Work> IssueOperation(const BucketRun& run,
                                      const Deadline& deadline) const override {
    const TensorView sum = SumIn(run);
    return run.communicator.AllReduce({&sum, 1}, {&sum, 1}, ReduceOp::kSum,
                                      run.stream, deadline.ForCall());
  }

  absl::Status IssueResult(const BucketRun& run) const override {
    const auto& arguments = *static_cast<const Arguments*>(run.arguments);
    const bool first = DividesFirst(run);
    if (first && run.result.data() == run.exchange) return absl::OkStatus();
    return run.device.Mean(
        {run.bucket.dtype, 1, 1, arguments.sum, arguments.result, nullptr,
         run.bucket.count, first ? 1 : run.weights.sum()},
        run.stream);
  }

 private:
  static TensorView SumIn(const BucketRun& run) {
    return {run.exchange, run.bucket.dtype, run.bucket.count, run.device.id()};
  }

  // Whether the mean is divided before it is summed: where terms are multiplied
  // by weights in any case, and in float16, in which a few large numbers have
  // no sum. All others are added as they are, and divided on the way back.
  static bool DividesFirst(const BucketRun& run) {
    return !run.weights.are_equal() || run.bucket.dtype == DType::kFloat16;
  }

  static const Arguments& Prepare(const BucketRun& run) {
    const TensorView sum = SumIn(run);
    const int64_t count = sum.count();
    const int64_t no_stride = 0;
    return *new (run.arguments) Arguments{
        {run.values.data()},
        {sum.data()},
        {run.result.data()},
        {*TensorView::Strided(const_cast<void*>(run.zero), sum.dtype(),
                              {&count, 1}, {&no_stride, 1}, run.device.id()),
         sum}};
  }
};

}  // namespace

const Route& NativeSum() {
  static const NativeSumRoute route;
  return route;
}

}  // namespace parley
