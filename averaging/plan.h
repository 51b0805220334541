// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_PLAN_H_
#define PARLEY_AVERAGING_PLAN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "parley/averaging/bucket.h"
#include "parley/averaging/codec/codec.h"
#include "parley/averaging/exchange_lists.h"
#include "parley/averaging/outer/outer_optimizer.h"
#include "parley/averaging/parameters.h"
#include "parley/averaging/reduction.h"
#include "parley/device/tensor.h"

namespace parley {

struct PlanOptions {
  // Ranks that meet. A world of one has nothing to exchange, and an empty plan.
  int world_size = 1;

  // The largest bucket: Device::preferred_bucket_bytes().
  int64_t preferred_bucket_bytes = 256 * 1024;

  // A budget for everything a meeting needs beyond the parameters.
  int64_t max_extra_bytes = 64 << 20;

  // Of floating-point means; the others are formed reproducibly in any case.
  Reduction reduction = Reduction::kReproducible;

  // Makes the model of the mean; null where the mean is the model. With one,
  // a world of one has a plan, too, and 16-bit tensors are exchanged as
  // float32.
  std::shared_ptr<const OuterOptimizer> outer = nullptr;

  // What is exchanged in place of parameters that are averaged; null for these
  // themselves. Needs an outer optimizer, for its anchor.
  std::shared_ptr<const Codec> codec = nullptr;
};

// What one meeting will do, fixed before training and before any
// communicator exists: which elements travel together, in what order, by which
// route, and how much memory that takes.
//
//   PARLEY_ASSIGN_OR_RETURN(
//       AveragingPlan plan,
//       AveragingPlan::Create(parameters, {.world_size = 64}));
//   std::cout << plan.ToString();
//
// A plan is a list of buckets. A bucket has one dtype and one operation and is
// exchanged in one go: either a slice of one large dense tensor, where it lies,
// or a list of small or strided pieces, packed. Guarantees: each element of
// each tensor that is not left alone is in exactly one bucket, for any sizes
// and any budget. The shards of a bucket (comm/shard.h) start at multiples of
// Allocator::kAlignment bytes, counted from the tensor's begin, wherever the
// bucket has that many bytes for each rank: what is left of a large tensor is
// packed, and what is packed ends in zeros.
//
// Thread-safety: immutable once created.
class AveragingPlan {
 public:
  // Operations of how many buckets overlap, each with staging memory.
  static constexpr int kSlots = 2;

  // How many buckets the host may run ahead of the device.
  static constexpr int kLookAhead = 16;

  // How many buckets may have kernels that are not done, and with them the
  // arguments that these read: one more per slot, for the host waits for a
  // bucket's operation, behind which are kernels of its own.
  static constexpr int kArgumentPlaces = kLookAhead + kSlots;

  // kInvalidArgument, naming the field and its value; for a budget that is too
  // small, also the least that will do.
  static absl::StatusOr<AveragingPlan> Create(const ParameterSet& parameters,
                                              const PlanOptions& options);

  int world_size() const { return options_.world_size; }
  const OuterOptimizer* outer() const { return options_.outer.get(); }
  Reduction reduction() const { return options_.reduction; }
  absl::Span<const Bucket> buckets() const { return buckets_; }
  absl::Span<const Piece> pieces() const { return pieces_; }

  // The size that buckets were cut to.
  int64_t bucket_bytes() const { return bucket_bytes_; }

  // Staging memory per slot, of both areas: what the neediest bucket's route
  // needs (averaging/route/route.h).
  int64_t exchange_bytes() const { return exchange_bytes_; }
  int64_t stage_bytes() const { return stage_bytes_; }
  int slots() const;

  // Zeros that padding and ranks of weight 0 are copied from.
  int64_t zero_bytes() const { return zero_bytes_; }

  // Of the lists that an exchange keeps.
  const ExchangeDimensions& dimensions() const { return dimensions_; }

  // All that a meeting needs beyond the parameters and what is kept beside
  // them: staging memory, lists and headers. At most the budget.
  int64_t peak_bytes() const { return peak_bytes_; }

  // Bytes that rank `rank` receives from others to exchange `bucket`.
  int64_t BytesReceived(const Bucket& bucket, int rank) const;

  // What an outer optimizer keeps beside the parameters, on each rank.
  int64_t state_bytes() const { return state_bytes_; }

  // Of everything that ranks must agree on to exchange by this plan.
  uint64_t Fingerprint() const { return fingerprint_; }

  // A summary and a line per bucket.
  std::string ToString() const;

 private:
  AveragingPlan(const ParameterSet& parameters, const PlanOptions& options,
                int64_t bucket_bytes);

  Bucket ModelOf(Policy policy, DType dtype) const;
  void Cut(const ParameterSet& parameters);
  void Measure();

  PlanOptions options_;
  int64_t bucket_bytes_;
  std::vector<std::string> names_;  // by parameter
  std::vector<Bucket> buckets_;
  std::vector<Piece> pieces_;
  int64_t exchange_bytes_ = 0;
  int64_t stage_bytes_ = 0;
  ExchangeDimensions dimensions_;
  int64_t zero_bytes_ = sizeof(uint64_t);
  int64_t peak_bytes_ = 0;
  int64_t state_bytes_ = 0;
  uint64_t fingerprint_ = 0;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_PLAN_H_
