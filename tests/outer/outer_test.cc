// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What holds of meetings with an outer optimizer or a codec, whichever backend
// it is: closed forms, and bits that are written down here.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "parley/averaging/codec/bfloat16_codec.h"
#include "parley/averaging/model_averager.h"
#include "parley/averaging/outer/nesterov_outer.h"
#include "parley/averaging/parameters.h"
#include "parley/base/status_macros.h"
#include "parley/device/testing/device_array.h"
#include "parley/sim/world.h"
#include "parley/tests/support/backend.h"
#include "parley/tests/support/tested_averager.h"

namespace parley::testing {
namespace {

struct Way {
  std::string name;
  std::shared_ptr<const OuterOptimizer> outer;
  std::shared_ptr<const Codec> codec;
  // Of the model and what is kept beside it after kMeetings meetings of three
  // ranks: the same on every backend.
  uint64_t fingerprint;
};

constexpr int64_t kMeetings = 4;

std::vector<Way> Ways() {
  return {
      {"nesterov", NesterovOuter(), nullptr, 0xa866bfb101cb578c},
      {"nesterov, bfloat16", NesterovOuter(), BFloat16Codec(),
       0xa98af3d6485f5cb4},
      {"plain, bfloat16", nullptr, BFloat16Codec(), 0x547ef73d0ba17a1d},
  };
}

// A large tensor and a small one, on the backend's device.
class Replica {
 public:
  explicit Replica(Device& device)
      : large_(device, 20'001, 1.0f), small_(device, 7, -0.5f) {}

  absl::StatusOr<ParameterSet> Parameters() const {
    return ParameterSet::Create(
        {{.parameters = {{"large", large_.view()}, {"small", small_.view()}}}});
  }

  void Train(int rank, int64_t step) {
    for (const auto* array : {&large_, &small_}) {
      for (size_t i = 0; i < array->size(); ++i) {
        const auto k = (i * 7 + static_cast<size_t>(step) * 3) % 13;
        (*array)[i] -= 0.0123f * static_cast<float>(k) +
                       0.00321f * static_cast<float>(rank);
      }
    }
  }

  std::vector<float> Values() const {
    std::vector<float> values(large_.values().begin(), large_.values().end());
    values.insert(values.end(), small_.values().begin(), small_.values().end());
    return values;
  }

 private:
  DeviceArray<float> large_;
  DeviceArray<float> small_;
};

absl::StatusOr<TestedAverager> MakeAverager(
    sim::RankContext& rank, const Replica& replica, const Way& way,
    InitialModel initial_model = InitialModel::kEqual) {
  ModelAveragerOptions options;
  options.communicator = &rank.communicator();
  PARLEY_ASSIGN_OR_RETURN(options.parameters, replica.Parameters());
  options.schedule =
      PeriodicSchedule({.period = 2, .first = FirstMeeting::kAfterPeriod});
  options.max_extra_bytes = 150'000;  // for several buckets to a large tensor
  options.outer = way.outer;
  options.codec = way.codec;
  options.initial_model = initial_model;
  return TestedAverager::Create(std::move(options));
}

TEST(OuterTest, E5_NesterovGoesAsFarAsItsClosedFormSays) {
  const double totals[] = {1.33, 3.227, 5.6343, 8.50087};
  for (const int ranks : {1, 3}) {
    RunRanks({.ranks = ranks}, [&](sim::RankContext& rank) -> absl::Status {
      DeviceArray<double> weight(rank.communicator().device(), 1, 0.0);
      ModelAveragerOptions options;
      options.communicator = &rank.communicator();
      PARLEY_ASSIGN_OR_RETURN(
          options.parameters,
          ParameterSet::Create({{.parameters = {{"w", weight.view()}}}}));
      options.schedule = PeriodicSchedule({.period = 1});
      options.outer = NesterovOuter();
      PARLEY_ASSIGN_OR_RETURN(auto averager,
                              TestedAverager::Create(std::move(options)));
      for (double total : totals) {
        // On average by 1.
        weight[0] -= 1 + rank.rank() - (ranks - 1) / 2.0;
        PARLEY_RETURN_IF_ERROR(averager->Step().status());
        EXPECT_NEAR(-weight[0], total, 1e-9);
      }
      return absl::OkStatus();
    });
  }
}

TEST(OuterTest, BitsAreTheSameOnEveryBackend) {
  for (const Way& way : Ways()) {
    SCOPED_TRACE(way.name);
    RunRanks({.ranks = 3}, [&](sim::RankContext& rank) -> absl::Status {
      Replica replica(rank.communicator().device());
      PARLEY_ASSIGN_OR_RETURN(auto averager, MakeAverager(rank, replica, way));
      for (int64_t step = 0; step < 2 * kMeetings; ++step) {
        replica.Train(rank.rank(), step);
        PARLEY_RETURN_IF_ERROR(averager->Step().status());
      }
      EXPECT_EQ(averager->last_meeting().meetings, kMeetings);
      EXPECT_EQ(averager->last_meeting().model_fingerprint, way.fingerprint)
          << absl::StrCat(
                 "0x", absl::Hex(averager->last_meeting().model_fingerprint));
      return absl::OkStatus();
    });
  }
}

TEST(OuterTest, ResumingAtAnyStepGivesTheSameBits) {
  constexpr int64_t kSteps = 6;
  for (const Way& way : Ways()) {
    SCOPED_TRACE(way.name);
    RunRanks({.ranks = 2}, [&](sim::RankContext& rank) -> absl::Status {
      std::vector<float> expected;
      for (int64_t stop = -1; stop < kSteps; ++stop) {
        Replica replica(rank.communicator().device());
        PARLEY_ASSIGN_OR_RETURN(TestedAverager first,
                                MakeAverager(rank, replica, way));
        std::optional<TestedAverager> resumed;
        for (int64_t step = 0; step < kSteps; ++step) {
          if (step == stop) {
            PARLEY_ASSIGN_OR_RETURN(
                TestedAverager other,
                MakeAverager(rank, replica, way, InitialModel::kRestored));
            PARLEY_RETURN_IF_ERROR(other->Restore(first->State()));
            resumed.emplace(std::move(other));
          }
          replica.Train(rank.rank(), step);
          PARLEY_RETURN_IF_ERROR((resumed ? *resumed : first)->Step().status());
        }
        if (stop < 0) expected = replica.Values();
        EXPECT_TRUE(replica.Values() == expected) << "stopped at " << stop;
      }
      return absl::OkStatus();
    });
  }
}

}  // namespace
}  // namespace parley::testing
