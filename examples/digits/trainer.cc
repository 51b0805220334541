// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/examples/digits/trainer.h"

#include <utility>

#include "absl/memory/memory.h"
#include "parley/base/random.h"
#include "parley/base/status_macros.h"

namespace parley::digits {

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(
    const Dataset& train, const TrainerOptions& options) {
  PARLEY_ASSIGN_OR_RETURN(
      std::vector<int> shard,
      ShardOfRank(train, options.sharding, options.ranks, options.rank));
  return absl::WrapUnique(new Trainer(train, std::move(shard), options));
}

Trainer::Trainer(const Dataset& train, std::vector<int> shard,
                 const TrainerOptions& options)
    : train_(train),
      batches_(std::move(shard), kBatch,
               Random(options.seed).Fork("batches", options.rank)),
      model_(Random(options.seed).Fork("model")),
      sgd_(kSgd, model_.tensors()) {}

double Trainer::ComputeGradients() {
  return model_.ComputeGradients(train_, batches_.Next());
}

}  // namespace parley::digits
