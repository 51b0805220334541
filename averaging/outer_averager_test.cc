// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Outer optimizers and codecs by way of the averager.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/averaging/checkpoint.h"
#include "parley/averaging/codec/bfloat16_codec.h"
#include "parley/averaging/model_averager.h"
#include "parley/averaging/outer/nesterov_outer.h"
#include "parley/averaging/outer/plain_outer.h"
#include "parley/averaging/plan.h"
#include "parley/base/status_macros.h"
#include "parley/sim/testing/run_ranks.h"
#include "parley/sim/world.h"

namespace parley {
namespace {

using sim::testing::RunRanks;
using ::testing::HasSubstr;

using Weights = std::vector<float>;

ModelAveragerOptions Options(sim::RankContext& rank, Weights& weights) {
  ModelAveragerOptions options;
  options.communicator = &rank.communicator();
  options.parameters = *ParameterSet::Create(
      {{.parameters = {{"w", TensorView::Of(absl::MakeSpan(weights))}}}});
  options.schedule =
      PeriodicSchedule({.period = 3, .first = FirstMeeting::kAfterPeriod});
  options.outer = NesterovOuter();
  return options;
}

// A step that takes each rank somewhere else.
void Train(Weights& weights, int rank, int64_t step) {
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i] -= 0.01f * static_cast<float>((i + step) % 7) +
                  0.001f * static_cast<float>(rank);
  }
}

// E5, and SNOO's numbers for a rank alone (arXiv 2510.15830): an outer gradient
// of 1 at each meeting.
TEST(OuterAveragerTest, E5_NesterovGoesAsFarAsItsClosedFormSays) {
  const std::vector<double> totals = {1.33, 3.227, 5.6343, 8.50087};
  for (const int ranks : {1, 2, 5}) {
    RunRanks({.ranks = ranks}, [&](sim::RankContext& rank) -> absl::Status {
      Weights weights(3);
      PARLEY_ASSIGN_OR_RETURN(auto averager,
                              ModelAverager::Create(Options(rank, weights)));
      for (int64_t step = 0; step < 12; ++step) {
        // A third of the way, some ranks further than others.
        const float apart =
            static_cast<float>(rank.rank()) - static_cast<float>(ranks - 1) / 2;
        for (float& w : weights) w -= (1 + apart) / 3;
        PARLEY_ASSIGN_OR_RETURN(const StepReport report, averager->Step());
        if (!report.met) continue;
        for (float w : weights) {
          EXPECT_NEAR(-w, totals[static_cast<size_t>(step / 3)], 1e-5);
        }
      }
      return absl::OkStatus();
    });
  }
}

// The mean as w - (w - mean) would not be it, bit for bit.
TEST(OuterAveragerTest, E6_PlainIsBitEqualToNone) {
  std::vector<Weights> ends;
  for (const auto& outer :
       {std::shared_ptr<const OuterOptimizer>(), PlainOuter()}) {
    RunRanks({.ranks = 3}, [&](sim::RankContext& rank) -> absl::Status {
      Weights weights(1000, 1);
      ModelAveragerOptions options = Options(rank, weights);
      options.outer = outer;
      PARLEY_ASSIGN_OR_RETURN(auto averager, ModelAverager::Create(options));
      for (int64_t step = 0; step < 10; ++step) {
        Train(weights, rank.rank(), step);
        PARLEY_RETURN_IF_ERROR(averager->Step().status());
      }
      PARLEY_RETURN_IF_ERROR(averager->Finish());
      if (rank.rank() == 0) ends.push_back(weights);
      return absl::OkStatus();
    });
  }
  ASSERT_EQ(ends.size(), 4);  // each world runs twice
  EXPECT_EQ(ends[0], ends[2]);
}

TEST(OuterAveragerTest, ReplicasThatBeginApartAreRefused) {
  const sim::Report report =
      sim::World({.ranks = 3}).Run([](sim::RankContext& rank) -> absl::Status {
        Weights weights(10, rank.rank() == 2 ? 1.0f : 0.0f);
        return ModelAverager::Create(Options(rank, weights)).status();
      });
  for (const auto& rank : report.ranks) {
    EXPECT_EQ(rank.status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(rank.status.message()),
                HasSubstr("rank 2 differs from rank 0 in the model, which an "
                          "outer optimizer needs to be equal at the start"));
  }
}

TEST(OuterAveragerTest, RanksThatStepDifferentlyAreRefused) {
  const sim::Report report =
      sim::World({.ranks = 2}).Run([](sim::RankContext& rank) -> absl::Status {
        Weights weights(10);
        ModelAveragerOptions options = Options(rank, weights);
        options.outer = NesterovOuter({.momentum = rank.rank() * 0.5});
        return ModelAverager::Create(options).status();
      });
  EXPECT_THAT(std::string(report.ranks[0].status.message()),
              HasSubstr("rank 1 differs from rank 0 in outer.momentum: 0.5 "
                        "against 0"));
}

TEST(OuterAveragerTest, BadOptionsAreRefusedByAll) {
  const auto error = [](const std::function<void(ModelAveragerOptions&)>& set) {
    const sim::Report report =
        sim::World({.ranks = 2})
            .Run([&](sim::RankContext& rank) -> absl::Status {
              Weights weights(10);
              ModelAveragerOptions options = Options(rank, weights);
              set(options);
              return ModelAverager::Create(options).status();
            });
    EXPECT_EQ(report.ranks[0].status, report.ranks[1].status);
    return std::string(report.ranks[1].status.message());
  };
  EXPECT_EQ(error([](auto& options) {
              options.outer = NesterovOuter({.learning_rate = -1});
            }),
            "rank 0: outer.learning_rate: -1, must be finite and more than 0");
  EXPECT_EQ(error([](auto& options) {
              options.codec = BFloat16Codec();
              options.reduction = Reduction::kNative;
            }),
            "rank 0: codec: bfloat16, but reduction: native, which sums what "
            "is sent; leave one of them out");
}

// A momentum alone would go on.
TEST(OuterAveragerTest, NoStepIsTakenWhereNobodyHasMoved) {
  RunRanks({.ranks = 2}, [](sim::RankContext& rank) -> absl::Status {
    Weights weights(10);
    PARLEY_ASSIGN_OR_RETURN(auto averager,
                            ModelAverager::Create(Options(rank, weights)));
    for (int64_t step = 0; step < 3; ++step) {
      Train(weights, rank.rank(), step);
      PARLEY_RETURN_IF_ERROR(averager->Step().status());
    }
    const Weights after = weights;
    PARLEY_RETURN_IF_ERROR(averager->AverageNow().status());
    EXPECT_EQ(weights, after);
    PARLEY_RETURN_IF_ERROR(averager->Finish());
    EXPECT_EQ(weights, after);
    return absl::OkStatus();
  });
}

absl::StatusOr<Weights> TrainWithAStop(
    sim::RankContext& rank, int64_t stop, const std::string& folder,
    const std::shared_ptr<const Codec>& codec) {
  constexpr int64_t kSteps = 10;
  const std::string path = absl::StrCat(folder, "/", rank.rank());
  Weights weights(5000, 1);
  ModelAveragerOptions options = Options(rank, weights);
  options.codec = codec;
  PARLEY_ASSIGN_OR_RETURN(auto averager, ModelAverager::Create(options));
  for (int64_t step = 0; step < kSteps; ++step) {
    if (step == stop) {
      PARLEY_RETURN_IF_ERROR(WriteCheckpoint(path, averager->State()));
      averager = nullptr;
      options.initial_model = InitialModel::kRestored;
      PARLEY_ASSIGN_OR_RETURN(averager, ModelAverager::Create(options));
      PARLEY_ASSIGN_OR_RETURN(const Checkpoint checkpoint,
                              ReadCheckpoint(path));
      PARLEY_RETURN_IF_ERROR(averager->Restore(checkpoint.state));
    }
    Train(weights, rank.rank(), step);
    PARLEY_RETURN_IF_ERROR(averager->Step().status());
  }
  PARLEY_RETURN_IF_ERROR(averager->Finish());
  return weights;
}

// Anchor and momentum are in the state.
TEST(OuterAveragerTest, ResumingAtAnyStepGivesTheSameBits) {
  for (const auto& codec : {std::shared_ptr<const Codec>(), BFloat16Codec()}) {
    std::vector<Weights> ends;
    for (int64_t stop = -1; stop < 10; ++stop) {
      const sim::Report report =
          sim::World({.ranks = 2})
              .Run([&](sim::RankContext& rank) -> absl::Status {
                PARLEY_ASSIGN_OR_RETURN(
                    const Weights end,
                    TrainWithAStop(rank, stop, ::testing::TempDir(), codec));
                if (rank.rank() == 0) ends.push_back(end);
                return absl::OkStatus();
              });
      ASSERT_TRUE(report.status.ok()) << report;
      EXPECT_EQ(ends.back(), ends.front()) << "stopped before step " << stop;
    }
  }
}

TEST(OuterAveragerTest, NothingIsAveragedBeforeWhatIsToBeRestored) {
  RunRanks({.ranks = 2}, [](sim::RankContext& rank) -> absl::Status {
    Weights weights(10, static_cast<float>(rank.rank()));
    ModelAveragerOptions options = Options(rank, weights);
    options.initial_model = InitialModel::kRestored;
    PARLEY_ASSIGN_OR_RETURN(auto averager, ModelAverager::Create(options));
    EXPECT_EQ(averager->AverageNow().status().message(),
              "rank 0: initial_model: kRestored, but Restore() was not called");
    return absl::OkStatus();
  });
}

TEST(OuterAveragerTest, ForeignStatesAreRefusedByField) {
  const sim::Report report =
      sim::World({.ranks = 1}).Run([](sim::RankContext& rank) -> absl::Status {
        Weights weights(10);
        PARLEY_ASSIGN_OR_RETURN(auto averager,
                                ModelAverager::Create(Options(rank, weights)));
        const SavedState state = averager->State();
        ModelAveragerOptions options = Options(rank, weights);
        options.outer = NesterovOuter({.learning_rate = 1});
        PARLEY_ASSIGN_OR_RETURN(auto other, ModelAverager::Create(options));
        EXPECT_THAT(std::string(other->Restore(state).message()),
                    HasSubstr("outer.learning_rate"));
        SavedState without = averager->State();
        without.tensors.pop_back();
        EXPECT_EQ(averager->Restore(without).message(),
                  "state: tensors: 1, must be 2");
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.status.ok()) << report;
}

// At any moment: survivors go on with equal state, and end equal.
TEST(OuterAveragerTest, SurvivorsOfACrashEndEqual) {
  for (int64_t crash_us = 20; crash_us < 400; crash_us += 20) {
    SCOPED_TRACE(crash_us);
    std::vector<Weights> ends(3);
    sim::World world({.ranks = 3,
                      .faults = {{.kind = sim::FaultKind::kCrash,
                                  .rank = 2,
                                  .at = absl::Microseconds(crash_us)}}});
    const sim::Report report =
        world.Run([&](sim::RankContext& rank) -> absl::Status {
          std::unique_ptr<Communicator> rest;
          Weights weights(5000, 1);
          ModelAveragerOptions options = Options(rank, weights);
          options.max_extra_bytes = 40'000;  // many buckets
          PARLEY_ASSIGN_OR_RETURN(auto averager,
                                  ModelAverager::Create(options));
          const auto go_on = [&](const absl::Status& status) -> absl::Status {
            if (status.ok()) return status;
            PARLEY_ASSIGN_OR_RETURN(rest, rank.communicator().Shrink({2}));
            return averager->Rebind(*rest);
          };
          for (int64_t step = 0; step < 9; ++step) {
            Train(weights, rank.rank(), step);
            rank.Compute(absl::Microseconds(3));
            PARLEY_RETURN_IF_ERROR(go_on(averager->Step().status()));
          }
          const absl::Status finished = averager->Finish();
          if (!finished.ok()) {
            PARLEY_RETURN_IF_ERROR(go_on(finished));
            PARLEY_RETURN_IF_ERROR(averager->Finish());
          }
          ends[static_cast<size_t>(rank.rank())] = weights;
          return absl::OkStatus();
        });
    for (int r : {0, 1}) {
      EXPECT_TRUE(report.ranks[static_cast<size_t>(r)].status.ok()) << report;
    }
    EXPECT_EQ(ends[0], ends[1]);
  }
}

TEST(OuterAveragerTest, SteadyStateAndMemoryAreStated) {
  RunRanks({.ranks = 2}, [](sim::RankContext& rank) -> absl::Status {
    Weights weights(1024);
    ModelAveragerOptions options = Options(rank, weights);
    options.outer_memory = OuterMemory::kHost;
    PARLEY_ASSIGN_OR_RETURN(auto averager, ModelAverager::Create(options));
    EXPECT_EQ(averager->plan().state_bytes(), 2 * 4096);
    EXPECT_EQ(averager->State().tensors.size(), 2);
    EXPECT_EQ(averager->State().tensors[0].name, "anchor.w");
    EXPECT_EQ(averager->State().tensors[1].name, "momentum.w");
    return absl::OkStatus();
  });
}

}  // namespace
}  // namespace parley
