// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The averager on simulated ranks: what it does to tensors, what it costs, and
// what happens when ranks disagree, leave early or die.
#include "parley/averaging/model_averager.h"

#include <cstdlib>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/averaging/agreement.h"
#include "parley/averaging/checkpoint.h"
#include "parley/averaging/exchange.h"
#include "parley/averaging/plan.h"
#include "parley/base/status_macros.h"
#include "parley/sim/world.h"

namespace {

// Counts what this thread allocates.
thread_local int64_t allocations = 0;
thread_local int64_t allocated_bytes = 0;

}  // namespace

void* operator new(size_t size) {
  ++allocations;
  allocated_bytes += static_cast<int64_t>(size);
  void* memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  return memory;
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return operator new(size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace parley {
namespace {

// Not where a sanitizer's run-time library has an operator new that is taken.
bool CountsAllocations() {
  const int64_t before = allocations;
  operator delete(operator new(1));
  return allocations > before;
}

using ::testing::AllOf;

using ::testing::HasSubstr;

// A model of a few tensors with values of the rank's own.
class Model {
 public:
  // Element i of tensor t is rank + t + i / 1024.
  Model(double rank, const std::vector<int64_t>& sizes) {
    for (int64_t size : sizes) tensors_.emplace_back(size);
    Set(rank);
  }

  void Set(double rank) {
    for (size_t t = 0; t < tensors_.size(); ++t) {
      for (size_t i = 0; i < tensors_[t].size(); ++i) {
        tensors_[t][i] = Value(rank, t, static_cast<int64_t>(i));
      }
    }
  }

  static float Value(double rank, size_t tensor, int64_t index) {
    return static_cast<float>(rank + static_cast<double>(tensor) +
                              static_cast<double>(index) / 1024);
  }

  ParameterSet Parameters() {
    ParameterGroup group;
    for (size_t t = 0; t < tensors_.size(); ++t) {
      group.parameters.push_back(
          {.name = absl::StrCat("t", t),
           .tensor = TensorView::Of(absl::MakeSpan(tensors_[t]))});
    }
    return *ParameterSet::Create({group});
  }

  // OK if all values are those of a rank of this number.
  absl::Status ExpectRank(double rank) const {
    for (size_t t = 0; t < tensors_.size(); ++t) {
      for (size_t i = 0; i < tensors_[t].size(); ++i) {
        const float expected = Value(rank, t, static_cast<int64_t>(i));
        if (tensors_[t][i] == expected) continue;
        return absl::InternalError(absl::StrCat(
            "t", t, "[", i, "] is ", tensors_[t][i], ", expected ", expected));
      }
    }
    return absl::OkStatus();
  }

  std::vector<float>& operator[](size_t tensor) { return tensors_[tensor]; }

 private:
  std::vector<std::vector<float>> tensors_;
};

// Packed and in place, over several buckets of 256 KiB.
const std::vector<int64_t> kSizes = {300'000, 7, 100'000, 0, 1, 1000};

ModelAveragerOptions Options(sim::RankContext& rank, Model& model,
                             PeriodicScheduleOptions schedule) {
  ModelAveragerOptions options;
  options.communicator = &rank.communicator();
  options.parameters = model.Parameters();
  options.schedule = PeriodicSchedule(schedule);
  return options;
}

#define EXPECT_STATUS(condition)                                         \
  if (!(condition)) {                                                    \
    return absl::InternalError(absl::StrCat(__LINE__, ": " #condition)); \
  }

class RanksTest : public ::testing::TestWithParam<int> {};

TEST_P(RanksTest, AverageIsTheMeanOnAllRanks) {
  const int n = GetParam();
  sim::World world({.ranks = n});
  const sim::Report report = world.Run([&](sim::RankContext& rank) {
    return [&]() -> absl::Status {
      Model model(rank.rank(), kSizes);
      PARLEY_ASSIGN_OR_RETURN(auto averager, ModelAverager::Create(Options(
                                                 rank, model, {.period = 2})));
      float* const data = model[0].data();
      PARLEY_ASSIGN_OR_RETURN(StepReport met, averager->Step());
      EXPECT_STATUS(met.met && met.step == 0 && met.ranks == n);
      EXPECT_STATUS((met.model_fingerprint != 0) == (n > 1));
      PARLEY_RETURN_IF_ERROR(model.ExpectRank((n - 1) / 2.0));
      EXPECT_STATUS(model[0].data() == data);
      model.Set(rank.rank());
      PARLEY_ASSIGN_OR_RETURN(StepReport idle, averager->Step());
      EXPECT_STATUS(!idle.met && idle.step == 1 && idle.meetings == 1);
      return model.ExpectRank(rank.rank());
    }();
  });
  EXPECT_TRUE(report.status.ok()) << report;
}

TEST_P(RanksTest, WeightsCountAndZeroLeavesOut) {
  const int n = GetParam();
  if (n < 2) GTEST_SKIP() << "one rank has no weights to compare";
  sim::World world({.ranks = n});
  const sim::Report report =
      world.Run([&](sim::RankContext& rank) -> absl::Status {
        Model model(rank.rank(), kSizes);
        // The others are not even finite.
        const double weight = rank.rank() == 0 ? 3 : rank.rank() == 1 ? 1 : 0;
        if (weight == 0) model[0][5] = std::numeric_limits<float>::quiet_NaN();
        PARLEY_ASSIGN_OR_RETURN(
            auto averager,
            ModelAverager::Create(Options(rank, model, {.period = 2})));
        PARLEY_ASSIGN_OR_RETURN(StepReport met,
                                averager->Step({.weight = weight}));
        EXPECT_STATUS(met.ranks == 2);
        return model.ExpectRank(0.25);
      });
  EXPECT_TRUE(report.status.ok()) << report;
}

TEST_P(RanksTest, FinishServesThoseStillTrainingAndEndsEqual) {
  const int n = GetParam();
  sim::World world({.ranks = n});
  std::vector<uint64_t> last(static_cast<size_t>(n));
  const sim::Report report =
      world.Run([&](sim::RankContext& rank) -> absl::Status {
        Model model(rank.rank(), {1000});
        PARLEY_ASSIGN_OR_RETURN(
            auto averager,
            ModelAverager::Create(
                Options(rank, model,
                        {.period = 3, .first = FirstMeeting::kAfterPeriod})));
        // Rank r takes r steps; the last one of them takes part in the most
        // meetings.
        for (int i = 0; i < rank.rank(); ++i) {
          PARLEY_RETURN_IF_ERROR(averager->Step().status());
        }
        PARLEY_RETURN_IF_ERROR(averager->Finish());
        EXPECT_STATUS(averager->last_meeting().meetings == (n - 1) / 3 + 1);
        EXPECT_STATUS(!averager->Step().ok());
        EXPECT_STATUS(averager->step() == rank.rank() + 1);
        EXPECT_STATUS(!averager->AverageNow().ok());
        last[static_cast<size_t>(rank.rank())] =
            averager->last_meeting().model_fingerprint;
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.status.ok()) << report;
  for (uint64_t fingerprint : last) EXPECT_EQ(fingerprint, last[0]);
}

INSTANTIATE_TEST_SUITE_P(Ranks, RanksTest, ::testing::Values(1, 2, 3, 8));

TEST(ModelAveragerTest, FinishWeighsThoseWhoMoved) {
  sim::World world({.ranks = 3});
  const sim::Report report =
      world.Run([&](sim::RankContext& rank) -> absl::Status {
        Model model(rank.rank(), {10});
        PARLEY_ASSIGN_OR_RETURN(
            auto averager,
            ModelAverager::Create(
                Options(rank, model,
                        {.period = 9, .first = FirstMeeting::kAfterPeriod})));
        if (rank.rank() > 0) {
          PARLEY_RETURN_IF_ERROR(averager->Step().status());
        }
        PARLEY_RETURN_IF_ERROR(averager->Finish());
        EXPECT_STATUS(averager->last_meeting().ranks == 2);
        return model.ExpectRank(1.5);
      });
  EXPECT_TRUE(report.status.ok()) << report;
}

TEST(ModelAveragerTest, PoliciesAndStridedTensors) {
  sim::World world({.ranks = 4});
  const sim::Report report = world.Run([&](sim::RankContext& rank)
                                           -> absl::Status {
    const int r = rank.rank();
    std::vector<int64_t> counts = {r, 10 * r, -r};
    std::vector<int32_t> steps = {7 + r};
    std::vector<double> left = {static_cast<double>(r)};
    // Columns 0 and 1 of a 3-column matrix.
    std::vector<float> matrix(12, static_cast<float>(r));
    PARLEY_ASSIGN_OR_RETURN(
        const TensorView columns,
        TensorView::Strided(matrix.data(), DType::kFloat32, {4, 2}, {3, 1}));
    PARLEY_ASSIGN_OR_RETURN(
        ParameterSet parameters,
        ParameterSet::Create(
            {{.parameters = {{.name = "columns", .tensor = columns}}},
             {.policy = Policy::kIntegerMean,
              .parameters = {{.name = "counts",
                              .tensor =
                                  TensorView::Of(absl::MakeSpan(counts))}}},
             {.policy = Policy::kBroadcast,
              .parameters = {{.name = "steps",
                              .tensor =
                                  TensorView::Of(absl::MakeSpan(steps))}}},
             {.policy = Policy::kLeave,
              .parameters = {
                  {.name = "left",
                   .tensor = TensorView::Of(absl::MakeSpan(left))}}}}));
    PARLEY_ASSIGN_OR_RETURN(
        auto averager,
        ModelAverager::Create({.communicator = &rank.communicator(),
                               .parameters = parameters,
                               .schedule = PeriodicSchedule({.period = 2})}));
    PARLEY_RETURN_IF_ERROR(averager->Step().status());
    EXPECT_STATUS((counts == std::vector<int64_t>{2, 15, -2}));
    EXPECT_STATUS(steps[0] == 7);
    EXPECT_STATUS(left[0] == r);
    for (size_t i = 0; i < matrix.size(); ++i) {
      EXPECT_STATUS(matrix[i] == (i % 3 == 2 ? static_cast<float>(r) : 1.5f));
    }
    return absl::OkStatus();
  });
  EXPECT_TRUE(report.status.ok()) << report;
}

TEST(ModelAveragerTest, MaskedParametersAreNotWritten) {
  sim::World world({.ranks = 2});
  const sim::Report report =
      world.Run([&](sim::RankContext& rank) -> absl::Status {
        Model model(rank.rank(), {10, 20, 30});
        bool frozen = true;
        ParameterGroup group;
        const ParameterSet all = model.Parameters();
        for (const auto& entry : all.entries()) {
          group.parameters.push_back(entry.parameter);
        }
        group.parameters[1].takes_part = [&] { return !frozen; };
        ModelAveragerOptions options = Options(rank, model, {.period = 1});
        PARLEY_ASSIGN_OR_RETURN(options.parameters,
                                ParameterSet::Create({group}));
        PARLEY_ASSIGN_OR_RETURN(auto averager,
                                ModelAverager::Create(std::move(options)));
        PARLEY_RETURN_IF_ERROR(averager->Step().status());
        EXPECT_STATUS(model[0][0] == 0.5f);
        EXPECT_STATUS(model[1][0] == static_cast<float>(rank.rank() + 1));
        EXPECT_STATUS(model[2][0] == 2.5f);
        frozen = false;
        PARLEY_RETURN_IF_ERROR(averager->Step().status());
        return model.ExpectRank(0.5);
      });
  EXPECT_TRUE(report.status.ok()) << report;
}

// Runs `body` on two ranks and returns the one error that both must get.
std::string CommonError(
    const std::function<absl::Status(sim::RankContext&)>& body) {
  sim::World world({.ranks = 2});
  const sim::Report report = world.Run(body);
  EXPECT_FALSE(report.ranks[0].status.ok());
  EXPECT_EQ(report.ranks[0].status, report.ranks[1].status);
  return report.ranks[0].status.ToString();
}

TEST(ModelAveragerTest, AllRanksGetTheErrorOfOne) {
  EXPECT_EQ(
      CommonError([](sim::RankContext& rank) {
        Model model(0, {5});
        return ModelAverager::Create(
                   Options(rank, model, {.period = rank.rank() == 1 ? -3 : 2}))
            .status();
      }),
      "INVALID_ARGUMENT: rank 1: period: -3, must be at least 1");
  EXPECT_EQ(CommonError([](sim::RankContext& rank) -> absl::Status {
              Model model(0, {5});
              PARLEY_ASSIGN_OR_RETURN(
                  auto averager,
                  ModelAverager::Create(Options(rank, model, {.period = 2})));
              return averager->Step({.weight = rank.rank() - 1.0}).status();
            }),
            "INVALID_ARGUMENT: rank 0: weight: -1, must be finite and at least "
            "0");
}

TEST(ModelAveragerTest, DifferencesAreNamed) {
  EXPECT_THAT(CommonError([](sim::RankContext& rank) {
                Model model(0, {5});
                return ModelAverager::Create(
                           Options(rank, model, {.period = 4 + rank.rank()}))
                    .status();
              }),
              AllOf(HasSubstr("rank 1 differs from rank 0 in schedule"),
                    HasSubstr("(periodic, period 5, warmup_steps 0, first "
                              "at_warmup; against: periodic, period 4")));
  EXPECT_THAT(
      CommonError([](sim::RankContext& rank) {
        Model model(0, {5 + rank.rank()});
        return ModelAverager::Create(Options(rank, model, {.period = 4}))
            .status();
      }),
      HasSubstr("rank 1 differs from rank 0 in elements: 6 against 5"));
  EXPECT_THAT(
      CommonError([](sim::RankContext& rank) -> absl::Status {
        Model model(0, {5});
        PARLEY_ASSIGN_OR_RETURN(
            auto averager,
            ModelAverager::Create(Options(rank, model, {.period = 4})));
        return (rank.rank() == 0 ? averager->Step() : averager->AverageNow())
            .status();
      }),
      HasSubstr("rank 1 differs from rank 0 in the call: AverageNow() against "
                "Step()"));
}

TEST(ModelAveragerTest, DisagreementTouchesNothingAndTrainingGoesOn) {
  sim::World world({.ranks = 2});
  const sim::Report report =
      world.Run([&](sim::RankContext& rank) -> absl::Status {
        Model model(rank.rank(), {10});
        PARLEY_ASSIGN_OR_RETURN(
            auto averager,
            ModelAverager::Create(Options(rank, model, {.period = 2})));
        EXPECT_STATUS(!averager->Step({.weight = 0}).ok());
        EXPECT_STATUS(averager->step() == 1);
        PARLEY_RETURN_IF_ERROR(model.ExpectRank(rank.rank()));
        PARLEY_RETURN_IF_ERROR(averager->Step().status());
        PARLEY_ASSIGN_OR_RETURN(StepReport met, averager->Step());
        EXPECT_STATUS(met.met && met.step == 2);
        return model.ExpectRank(0.5);
      });
  EXPECT_TRUE(report.status.ok()) << report;
}

// Ranks other than the last one go on without it. Buckets take about 100 us, so
// that the crash comes in the middle of a meeting.
TEST(ModelAveragerTest, SurvivorsOfACrashRebindAndAverage) {
  for (int64_t crash_us : {30, 50, 120, 250, 330, 420, 510, 600}) {
    SCOPED_TRACE(crash_us);
    sim::WorldOptions options;
    options.ranks = 4;
    options.intra_host = {absl::Microseconds(1), 10'000'000'000};
    options.faults = {{.kind = sim::FaultKind::kCrash,
                       .rank = 3,
                       .at = absl::Microseconds(crash_us)}};
    sim::World world(options);
    std::vector<std::string> errors(4);
    const sim::Report report =
        world.Run([&](sim::RankContext& rank) -> absl::Status {
          Model model(rank.rank(), {300'000, 200'000});
          PARLEY_ASSIGN_OR_RETURN(
              auto averager,
              ModelAverager::Create(Options(rank, model, {.period = 4})));
          rank.Compute(absl::Microseconds(20));
          const auto met = averager->Step();
          if (rank.rank() == 3) return absl::OkStatus();
          std::string& error = errors[static_cast<size_t>(rank.rank())];
          if (met.ok()) {
            // It died later, if at all.
            return model.ExpectRank(1.5);
          }
          error = met.status().ToString();
          EXPECT_STATUS(absl::IsUnavailable(met.status()));
          EXPECT_STATUS(rank.communicator().aborted());
          for (size_t t = 0; t < 2; ++t) {
            for (size_t i = 0; i < model[t].size(); ++i) {
              const auto index = static_cast<int64_t>(i);
              EXPECT_STATUS(model[t][i] == Model::Value(1.5, t, index) ||
                            model[t][i] == Model::Value(rank.rank(), t, index));
            }
          }
          EXPECT_STATUS(absl::IsFailedPrecondition(averager->Step().status()));
          PARLEY_ASSIGN_OR_RETURN(auto survivors,
                                  rank.communicator().Shrink({3}));
          PARLEY_RETURN_IF_ERROR(averager->Rebind(*survivors));
          EXPECT_STATUS(averager->step() == 2);
          model.Set(rank.rank());
          PARLEY_RETURN_IF_ERROR(averager->AverageNow().status());
          EXPECT_STATUS(averager->next_meeting() == 4);
          return model.ExpectRank(1);
        });
    for (int r = 0; r < 3; ++r) {
      EXPECT_TRUE(report.ranks[r].status.ok())
          << r << ": " << report.ranks[r].status << " " << errors[r];
    }
    if (crash_us == 250) {
      EXPECT_THAT(errors[0], AllOf(HasSubstr("meeting 0 at step 0"),
                                   HasSubstr("of 10 buckets are complete"),
                                   HasSubstr("rank 3 crashed")));
    }
  }
}

TEST(ModelAveragerTest, ARankThatDoesNotComeIsADeadline) {
  sim::World world({.ranks = 2});
  const sim::Report report =
      world.Run([&](sim::RankContext& rank) -> absl::Status {
        Model model(rank.rank(), {10});
        ModelAveragerOptions options = Options(rank, model, {.period = 4});
        options.timeout = absl::Milliseconds(5);
        PARLEY_ASSIGN_OR_RETURN(auto averager,
                                ModelAverager::Create(std::move(options)));
        if (rank.rank() == 1) rank.Compute(absl::Seconds(1));
        const absl::Status status = averager->Step().status();
        PARLEY_RETURN_IF_ERROR(model.ExpectRank(rank.rank()));
        if (rank.rank() == 1) return absl::OkStatus();
        EXPECT_STATUS(absl::IsDeadlineExceeded(status));
        EXPECT_STATUS(absl::StrContains(status.message(), "rank 1"));
        EXPECT_STATUS(rank.communicator().clock().NowNs() < 10'000'000);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.status.ok()) << report;
}

TEST(ModelAveragerTest, NonMemberCountsSteps) {
  sim::World world({.ranks = 3});
  const sim::Report report =
      world.Run([&](sim::RankContext& rank) -> absl::Status {
        const std::vector<int> pair = {0, 1};
        PARLEY_ASSIGN_OR_RETURN(
            auto group, rank.communicator().Split(
                            rank.rank() < 2 ? pair : std::vector<int>()));
        Model model(rank.rank(), {10});
        ModelAveragerOptions options = Options(rank, model, {.period = 2});
        options.communicator = group.get();
        options.non_member = group == nullptr;
        PARLEY_ASSIGN_OR_RETURN(auto averager,
                                ModelAverager::Create(std::move(options)));
        for (int i = 0; i < 5; ++i) {
          PARLEY_ASSIGN_OR_RETURN(StepReport step, averager->Step());
          EXPECT_STATUS(step.met == (rank.rank() < 2 && i % 2 == 0));
        }
        PARLEY_RETURN_IF_ERROR(averager->AverageNow().status());
        PARLEY_RETURN_IF_ERROR(averager->Finish());
        EXPECT_STATUS(averager->step() == 5);
        return model.ExpectRank(rank.rank() < 2 ? 0.5 : 2);
      });
  EXPECT_TRUE(report.status.ok()) << report;
}

// The simulator's own pools grow at first; after that there is nothing.
TEST(ModelAveragerTest, SteadyStateAllocatesNothing) {
  if (!CountsAllocations()) GTEST_SKIP() << "allocations are not seen";
  sim::World world({.ranks = 2, .max_parallel = 1});
  const sim::Report report =
      world.Run([&](sim::RankContext& rank) -> absl::Status {
        Model model(rank.rank(), kSizes);
        PARLEY_ASSIGN_OR_RETURN(
            auto averager,
            ModelAverager::Create(Options(rank, model, {.period = 2})));
        for (int i = 0; i < 20; ++i) {
          PARLEY_RETURN_IF_ERROR(averager->Step().status());
        }
        const int64_t before = allocations;
        PARLEY_ASSIGN_OR_RETURN(StepReport met, averager->Step());
        const int64_t after_meeting = allocations;
        PARLEY_ASSIGN_OR_RETURN(StepReport idle, averager->Step());
        const int64_t after_idle = allocations;
        EXPECT_STATUS(met.met && !idle.met);
        EXPECT_STATUS(after_idle == after_meeting);
        if (after_meeting != before) {
          return absl::InternalError(
              absl::StrCat(after_meeting - before, " allocations"));
        }
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.status.ok()) << report;
}

// All that Create() takes, lists included, is in the plan's figure.
void CheckPeakBytes(Reduction reduction, int64_t bucket_bytes) {
  sim::World world({.ranks = 2, .max_parallel = 1});
  const sim::Report report =
      world.Run([&](sim::RankContext& rank) -> absl::Status {
        Model model(rank.rank(), std::vector<int64_t>(500, 300));
        ModelAveragerOptions options = Options(rank, model, {.period = 2});
        const AveragingPlan plan = *AveragingPlan::Create(
            options.parameters, {.world_size = 2,
                                 .preferred_bucket_bytes = bucket_bytes,
                                 .reduction = reduction});
        Communicator& comm = rank.communicator();
        const int64_t before = allocated_bytes;
        PARLEY_ASSIGN_OR_RETURN(auto agreement, Agreement::Create(comm));
        PARLEY_ASSIGN_OR_RETURN(
            auto exchange,
            Exchange::Create(comm, options.parameters, plan, {}));
        const int64_t lists = allocated_bytes - before;
        const int64_t staging =
            plan.slots() * (plan.exchange_bytes() + plan.stage_bytes());
        EXPECT_STATUS(lists > 0);
        if (lists + staging > plan.peak_bytes() + 4096) {
          return absl::InternalError(absl::StrCat(
              lists, " + ", staging, " against ", plan.peak_bytes()));
        }
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.status.ok()) << report;
}

TEST(ModelAveragerTest, PeakBytesIsABound) {
  if (!CountsAllocations()) GTEST_SKIP() << "allocations are not seen";
  for (Reduction reduction : {Reduction::kReproducible, Reduction::kNative}) {
    SCOPED_TRACE(std::string(Name(reduction)));
    CheckPeakBytes(reduction, CpuDevice().preferred_bucket_bytes());
    CheckPeakBytes(reduction, 1200);  // a bucket and its lists per tensor
  }
}

TEST(ModelAveragerTest, RestoredAveragerGoesOnWithTheSameBits) {
  const std::string path = ::testing::TempDir() + "/averager.safetensors";
  for (int stop : {0, 1, 4, 6}) {
    std::vector<uint64_t> straight(10), resumed(10);
    for (bool restart : {false, true}) {
      sim::World world({.ranks = 2});
      const sim::Report report =
          world.Run([&](sim::RankContext& rank) -> absl::Status {
            Model model(rank.rank(), {100});
            auto make = [&] {
              return ModelAverager::Create(
                  Options(rank, model, {.period = 3, .warmup_steps = 1}));
            };
            PARLEY_ASSIGN_OR_RETURN(auto averager, make());
            for (int i = 0; i < 10; ++i) {
              if (restart && i == stop) {
                const std::string mine = absl::StrCat(path, rank.rank());
                PARLEY_RETURN_IF_ERROR(
                    WriteCheckpoint(mine, averager->State()));
                PARLEY_ASSIGN_OR_RETURN(averager, make());
                PARLEY_ASSIGN_OR_RETURN(Checkpoint saved, ReadCheckpoint(mine));
                PARLEY_RETURN_IF_ERROR(averager->Restore(saved.state));
              }
              for (float& x : model[0]) x += 0.1f * static_cast<float>(i);
              PARLEY_ASSIGN_OR_RETURN(StepReport report, averager->Step());
              if (rank.rank() == 1) {
                (restart ? resumed : straight)[static_cast<size_t>(i)] =
                    report.model_fingerprint;
              }
            }
            return absl::OkStatus();
          });
      EXPECT_TRUE(report.status.ok()) << report;
    }
    EXPECT_EQ(straight, resumed) << stop;
  }
}

TEST(ModelAveragerTest, ForeignStatesAreRefusedByField) {
  sim::World world({.ranks = 1});
  const sim::Report report =
      world.Run([&](sim::RankContext& rank) -> absl::Status {
        Model model(0, {5});
        PARLEY_ASSIGN_OR_RETURN(
            auto averager,
            ModelAverager::Create(Options(rank, model, {.period = 4})));
        for (int i = 0; i < 3; ++i) averager->Step().IgnoreError();
        const SavedState good = averager->State();
        auto refused = [&](absl::string_view from, absl::string_view to) {
          SavedState bad = good;
          const size_t at = bad.description.find(std::string(from));
          if (at == std::string::npos) return std::string("no such field");
          bad.description.replace(at, from.size(), std::string(to));
          const absl::Status status = averager->Restore(bad);
          return std::string(status.message());
        };
        EXPECT_EQ(
            refused("\"schedule.period\":\"4\"", "\"schedule.period\":\"8\""),
            "state: schedule.period: 8 in the state, 4 here");
        EXPECT_EQ(refused("\"step\":3", "\"step\":\"x\""),
                  "state: step: \"x\", must be an integer");
        EXPECT_EQ(refused("\"step\":3,", ""), "state: step: missing");
        EXPECT_EQ(refused("\"step\":3", "\"step\":-1"),
                  "state: step: -1, must be at least 0");
        EXPECT_EQ(refused("\"world_size\":1", "\"world_size\":2"),
                  "state: world_size: 2 in the state, 1 here");
        EXPECT_THAT(refused("\"meetings\":1", "\"meetings\":2"),
                    HasSubstr("state: checksum"));
        EXPECT_THAT(refused("{", "["), HasSubstr("not a JSON object"));
        EXPECT_EQ(averager->step(), 3);
        EXPECT_EQ(averager->State().description, good.description);
        return averager->Restore(good);
      });
  EXPECT_TRUE(report.status.ok()) << report;
}

}  // namespace
}  // namespace parley
