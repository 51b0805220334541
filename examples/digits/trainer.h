// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Trainer: one rank's training loop, in two halves so that gradients can be
// averaged between them. It knows nothing of other ranks' progress.
//
//   PARLEY_ASSIGN_OR_RETURN(
//       std::unique_ptr<Trainer> trainer,
//       Trainer::Create(data.train, {.ranks = 8, .rank = rank}));
//   for (int step = 0; step < kDefaultSteps; ++step) {
//     trainer->ComputeGradients();
//     trainer->ApplyGradients();
//     // Average trainer->model().tensors() now and then.
//   }
//   double accuracy = trainer->model().Accuracy(data.test);
//
// Guarantees: replicas begin equal on all ranks; equal options give equal bits
// on every machine.
// Thread-safety: thread-compatible. Trainers may share a data set.
#ifndef PARLEY_EXAMPLES_DIGITS_TRAINER_H_
#define PARLEY_EXAMPLES_DIGITS_TRAINER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "parley/examples/digits/dataset.h"
#include "parley/examples/digits/model.h"
#include "parley/examples/digits/sgd.h"

namespace parley::digits {

// Chosen over many seeds for eight ranks: a rank's own 180 images teach it
// clearly less than all images do, and periodic averaging keeps up with
// averaging at every step.
inline constexpr int kDefaultSteps = 1000;
inline constexpr int kBatch = 8;
inline constexpr SgdOptions kSgd = {.learning_rate = 0.05f, .momentum = 0.9f};

struct TrainerOptions {
  int ranks = 1;
  int rank = 0;
  Sharding sharding = Sharding::kIid;
  uint64_t seed = 1;
};

class Trainer {
 public:
  // `train` must outlive the trainer. Errors as ShardOfRank().
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(
      const Dataset& train, const TrainerOptions& options);

  // Gradients of the rank's next mini-batch, into the model's tensors. Returns
  // the batch's mean loss.
  double ComputeGradients();

  // One step of SGD from the gradients in the model's tensors.
  void ApplyGradients() { sgd_.Step(); }

  const Mlp& model() const { return model_; }

 private:
  Trainer(const Dataset& train, std::vector<int> shard,
          const TrainerOptions& options);

  const Dataset& train_;
  BatchOrder batches_;
  Mlp model_;
  Sgd sgd_;
};

}  // namespace parley::digits

#endif  // PARLEY_EXAMPLES_DIGITS_TRAINER_H_
