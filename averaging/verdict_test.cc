// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/verdict.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace parley {
namespace {

using ::testing::ElementsAre;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Header At(CallKind kind, int64_t step, double weight = 1, bool moved = true) {
  Header header;
  header.kind = kind;
  header.step = step;
  header.meetings = 3;
  header.weight = weight;
  header.moved = moved;
  return header;
}

Header Told(double learning_rate, double loss,
            CallKind kind = CallKind::kStep) {
  Header header = At(kind, 7);
  header.learning_rate = learning_rate;
  header.loss = loss;
  return header;
}

Verdict VerdictOf(const std::vector<Header>& headers, int rank = 0) {
  Verdict verdict;
  const absl::Status status = Judge(headers, rank, verdict);
  EXPECT_TRUE(status.ok()) << status;
  return verdict;
}

TEST(VerdictTest, RanksThatTrainGoOnTogether) {
  const Verdict verdict =
      VerdictOf({At(CallKind::kStep, 7, 2), At(CallKind::kStep, 7, 0.5)});
  EXPECT_EQ(verdict.kind, CallKind::kStep);
  EXPECT_EQ(verdict.step, 7);
  EXPECT_EQ(verdict.meetings, 3);
  EXPECT_FALSE(verdict.all_finished());
  EXPECT_THAT(verdict.weights, ElementsAre(2, 0.5));
}

TEST(VerdictTest, RanksInFinishFollowThoseThatTrain) {
  const Verdict verdict =
      VerdictOf({At(CallKind::kFinish, 5, 0, false),
                 At(CallKind::kAverageNow, 9, 2), At(CallKind::kFinish, 6, 0)},
                /*rank=*/2);
  EXPECT_EQ(verdict.kind, CallKind::kAverageNow);
  EXPECT_EQ(verdict.step, 9);
  EXPECT_THAT(verdict.weights, ElementsAre(0, 2, 0));
}

TEST(VerdictTest, WhoHasMovedCountsAtTheEnd) {
  const std::vector<Header> headers = {At(CallKind::kFinish, 5),
                                       At(CallKind::kFinish, 6, 1, false),
                                       At(CallKind::kFinish, 7)};
  for (int rank = 0; rank < 3; ++rank) {
    const Verdict verdict = VerdictOf(headers, rank);
    EXPECT_TRUE(verdict.all_finished());
    EXPECT_EQ(verdict.step, 5 + rank);
    EXPECT_THAT(verdict.weights, ElementsAre(1, 0, 1));
  }
  EXPECT_THAT(VerdictOf({At(CallKind::kFinish, 5, 1, false),
                         At(CallKind::kFinish, 5, 1, false)})
                  .weights,
              ElementsAre(1, 1));
}

TEST(VerdictTest, WeightsThatMakeNoMeanAreAnError) {
  Verdict verdict;
  EXPECT_EQ(
      Judge({At(CallKind::kStep, 7, 0), At(CallKind::kStep, 7, 0)}, 0, verdict),
      absl::InvalidArgumentError("weights of all ranks: their sum is 0, "
                                 "must be finite and more than 0"));
  EXPECT_EQ(
      Judge({At(CallKind::kStep, 7, 1e308), At(CallKind::kStep, 7, 1e308)}, 0,
            verdict),
      absl::InvalidArgumentError("weights of all ranks: their sum is "
                                 "inf, must be finite and more than 0"));
}

TEST(VerdictTest, TheLearningRateIsThatOfTheLowestRankThatTrains) {
  EXPECT_EQ(
      VerdictOf({Told(0.1, 4, CallKind::kFinish), Told(0.2, 1), Told(0.3, 2)})
          .signals.learning_rate,
      0.2);
  EXPECT_TRUE(std::isnan(
      VerdictOf({Told(kNaN, 4), Told(0.2, 1)}).signals.learning_rate));
}

TEST(VerdictTest, TheLossIsTheMeanOfWhatRanksThatTrainTell) {
  EXPECT_EQ(VerdictOf({Told(kNaN, 4, CallKind::kFinish), Told(kNaN, 1),
                       Told(kNaN, kNaN), Told(kNaN, 2)})
                .signals.loss,
            1.5);
  EXPECT_TRUE(
      std::isnan(VerdictOf({Told(0.1, kNaN), Told(0.1, kNaN)}).signals.loss));
  // In rank order, in which 1 is lost beside 2^53.
  EXPECT_EQ(VerdictOf({Told(kNaN, 0x1p53), Told(kNaN, 1), Told(kNaN, 1)})
                .signals.loss,
            0x1p53 / 3);
  EXPECT_TRUE(
      std::isnan(VerdictOf({Told(0.1, 2, CallKind::kFinish)}).signals.loss));
}

TEST(VerdictTest, RanksRebindWhereTheFurthestOneIs) {
  std::vector<Header> headers = {Told(0.5, 4, CallKind::kRebind),
                                 Told(0.6, 5, CallKind::kRebind),
                                 Told(0.7, 6, CallKind::kRebind)};
  headers[1].step = 11;
  headers[2].meetings = 5;
  const Verdict verdict = VerdictOf(headers, /*rank=*/1);
  EXPECT_EQ(verdict.step, 11);
  EXPECT_EQ(verdict.meetings, 5);
  EXPECT_EQ(verdict.signals.learning_rate, 0.5);
  EXPECT_EQ(verdict.signals.loss, 4);
}

TEST(VerdictTest, DisputesNameTheLowestRank) {
  const std::vector<Header> alike(4, At(CallKind::kStep, 7));
  EXPECT_EQ(FindDispute(alike).cause, Dispute::Cause::kNone);

  std::vector<Header> headers = alike;
  headers[0].kind = CallKind::kFinish;
  headers[2].description = 1;
  headers[3].step = 8;
  Dispute dispute = FindDispute(headers);
  EXPECT_EQ(dispute.cause, Dispute::Cause::kDescription);
  EXPECT_EQ(dispute.rank, 2);
  EXPECT_EQ(dispute.other, 1);

  headers[2].meetings = 2;
  dispute = FindDispute(headers);
  EXPECT_EQ(dispute.cause, Dispute::Cause::kCall);
  EXPECT_EQ(dispute.rank, 2);

  headers[3].refuses = true;
  dispute = FindDispute(headers);
  EXPECT_EQ(dispute.cause, Dispute::Cause::kRefusal);
  EXPECT_EQ(dispute.rank, 3);
}

}  // namespace
}  // namespace parley
