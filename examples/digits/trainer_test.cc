// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/examples/digits/trainer.h"

#include <bit>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "parley/base/hash.h"
#include "parley/base/random.h"

namespace parley::digits {
namespace {

TrainTest Data() { return SplitTrainTest(*LoadEmbedded(), Random(1)); }

std::unique_ptr<Trainer> MakeTrainer(const Dataset& train,
                                     const TrainerOptions& options) {
  absl::StatusOr<std::unique_ptr<Trainer>> trainer =
      Trainer::Create(train, options);
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  return *std::move(trainer);
}

// Trains and returns the mean loss of the last mini-batch.
double Train(Trainer& trainer, int steps) {
  double loss = 0;
  for (int step = 0; step < steps; ++step) {
    loss = trainer.ComputeGradients();
    trainer.ApplyGradients();
  }
  return loss;
}

uint64_t Fingerprint(const Mlp& model) {
  uint64_t hash = 0;
  for (const Mlp::Tensor& tensor : model.tensors()) {
    for (float value : tensor.value) {
      hash = HashCombine(hash, std::bit_cast<uint32_t>(value));
    }
  }
  return hash;
}

TEST(TrainerTest, TenStepsHaveGoldenBits) {
  const TrainTest data = Data();
  const auto trainer = MakeTrainer(data.train, {.ranks = 8, .rank = 3});
  EXPECT_EQ(Fingerprint(trainer->model()), 0xae30ec3577fe0535);
  const double loss = Train(*trainer, 10);
  EXPECT_EQ(Fingerprint(trainer->model()), 0x86fbee217f2c0af1);
  EXPECT_EQ(std::bit_cast<uint64_t>(loss), 0x3ffc7a0fb895bceb);
}

TEST(TrainerTest, RanksBeginEqualAndSeeOtherImages) {
  const TrainTest data = Data();
  const auto a = MakeTrainer(data.train, {.ranks = 8, .rank = 0});
  const auto b = MakeTrainer(data.train, {.ranks = 8, .rank = 1});
  EXPECT_EQ(Fingerprint(a->model()), Fingerprint(b->model()));
  Train(*a, 1);
  Train(*b, 1);
  EXPECT_NE(Fingerprint(a->model()), Fingerprint(b->model()));
}

TEST(TrainerTest, SeedsDiffer) {
  const TrainTest data = Data();
  const auto a = MakeTrainer(data.train, {.seed = 1});
  const auto b = MakeTrainer(data.train, {.seed = 2});
  EXPECT_NE(Fingerprint(a->model()), Fingerprint(b->model()));
}

TEST(TrainerTest, LearnsToReadDigits) {
  const TrainTest data = Data();
  const auto trainer = MakeTrainer(data.train, {});
  EXPECT_LT(trainer->model().Accuracy(data.test), 0.3);
  Train(*trainer, 300);
  EXPECT_GT(trainer->model().Accuracy(data.test), 0.85);
}

TEST(TrainerTest, OneLabelShardTeachesFewDigits) {
  const TrainTest data = Data();
  const auto trainer = MakeTrainer(
      data.train, {.ranks = 8, .rank = 0, .sharding = Sharding::kLabel});
  Train(*trainer, 300);
  EXPECT_LT(trainer->model().Accuracy(data.test), 0.35);
}

TEST(TrainerTest, RefusesARankOutsideTheWorld) {
  const TrainTest data = Data();
  EXPECT_EQ(Trainer::Create(data.train, {.ranks = 8, .rank = 8}).status(),
            absl::InvalidArgumentError("rank 8 is not one of 8 ranks"));
}

}  // namespace
}  // namespace parley::digits
