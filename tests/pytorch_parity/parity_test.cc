// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Replays oracle.json, in which PyTorch's PeriodicModelAverager is on record,
// on simulated ranks: the same steps fire, the same parameters are left alone,
// and values differ by no more than PyTorch's own rounding (README.md).
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "parley/averaging/model_averager.h"
#include "parley/averaging/observer.h"
#include "parley/averaging/parameters.h"
#include "parley/averaging/schedule.h"
#include "parley/base/status_macros.h"
#include "parley/comm/communicator.h"
#include "parley/device/device.h"
#include "parley/device/tensor.h"
#include "parley/sim/testing/run_ranks.h"
#include "parley/sim/world.h"
#include "parley/tests/pytorch_parity/oracle.h"
#include "parley/tests/support/reference.h"
#include "parley/tests/support/tested_averager.h"

namespace parley::testing {
namespace {

constexpr char kOracle[] = "tests/pytorch_parity/oracle.json";

// All parameters of one replica in one block, each followed by a guard element
// that nobody may write.
using Memory = std::vector<float>;

constexpr float kGuard = 12345;

// Where in a Memory each parameter begins; at the end, how long it is.
std::vector<size_t> Layout(const OracleCase& oracle) {
  std::vector<size_t> begins = {0};
  for (const OracleParameter& parameter : oracle.parameters) {
    begins.push_back(begins.back() + static_cast<size_t>(parameter.count()) +
                     1);
  }
  return begins;
}

// What a rank holds when it calls the averager: at a meeting what is on record,
// at all other steps values of its own.
Memory Trained(const OracleCase& oracle, int64_t step, int rank) {
  Memory memory;
  const auto meeting = oracle.meetings.find(step);
  for (size_t i = 0; i < oracle.parameters.size(); ++i) {
    if (meeting != oracle.meetings.end()) {
      const std::vector<float>& values =
          meeting->second.before[static_cast<size_t>(rank)][i];
      memory.insert(memory.end(), values.begin(), values.end());
    } else {
      memory.insert(memory.end(),
                    static_cast<size_t>(oracle.parameters[i].count()),
                    static_cast<float>(step * oracle.ranks + rank));
    }
    memory.push_back(kGuard);
  }
  return memory;
}

ParameterSet Parameters(const OracleCase& oracle, Memory& memory) {
  const std::vector<size_t> begins = Layout(oracle);
  std::vector<ParameterGroup> groups;
  for (size_t i = 0; i < oracle.parameters.size(); ++i) {
    const OracleParameter& parameter = oracle.parameters[i];
    groups.resize(
        std::max(groups.size(), static_cast<size_t>(parameter.group) + 1));
    groups[static_cast<size_t>(parameter.group)].parameters.push_back(
        {.name = parameter.name,
         .tensor = TensorView(&memory[begins[i]], DType::kFloat32,
                              absl::MakeConstSpan(parameter.shape)),
         .takes_part = [&parameter] { return parameter.has_gradient; }});
  }
  return *ParameterSet::Create(std::move(groups));
}

class WarningObserver : public Observer {
 public:
  void OnWarning(absl::string_view) override { warned_ = true; }
  bool warned() const { return warned_; }

 private:
  bool warned_ = false;
};

// [step][rank], after the averager was called. Zeros where a rank failed
// before.
using Replay = std::vector<std::vector<Memory>>;

// Values come as from a training step that has not ended when the averager is
// called: by a copy behind an all-reduce, which takes longer than ranks need to
// open a meeting.
absl::Status ReplayRank(const OracleCase& oracle, sim::RankContext& rank,
                        Replay& replay) {
  Memory trained(Layout(oracle).back());
  Memory memory(trained.size());
  const TensorCopy copy = {TensorView::Of(absl::MakeSpan(trained)),
                           TensorView::Of(absl::MakeSpan(memory))};
  WarningObserver observer;
  PARLEY_ASSIGN_OR_RETURN(
      TestedAverager averager,
      TestedAverager::Create(
          {.communicator = &rank.communicator(),
           .parameters = Parameters(oracle, memory),
           .schedule = PeriodicSchedule(
               {.period = oracle.period, .warmup_steps = oracle.warmup_steps}),
           .observer = &observer}));
  EXPECT_EQ(observer.warned(), oracle.warned);
  std::vector<int> all(static_cast<size_t>(oracle.ranks));
  std::iota(all.begin(), all.end(), 0);
  PARLEY_ASSIGN_OR_RETURN(auto training, rank.communicator().Split(all));
  PARLEY_ASSIGN_OR_RETURN(auto stream, training->device().CreateStream());
  float loss[] = {0};
  const TensorView losses = TensorView::Of(absl::MakeSpan(loss));
  for (int64_t step = 0; step < oracle.steps; ++step) {
    // In place: the copy has taken its address.
    absl::c_copy(Trained(oracle, step, rank.rank()), trained.begin());
    PARLEY_RETURN_IF_ERROR(
        training->AllReduce({losses}, {losses}, ReduceOp::kSum, *stream)
            .status());
    PARLEY_RETURN_IF_ERROR(training->device().Copy({&copy, 1}, *stream));
    PARLEY_ASSIGN_OR_RETURN(StepReport report,
                            averager->Step({.stream = stream.get()}));
    EXPECT_EQ(report.met, oracle.meetings.count(step) == 1) << "step " << step;
    PARLEY_RETURN_IF_ERROR(stream->WaitHost(absl::InfiniteDuration()));
    replay[static_cast<size_t>(step)][static_cast<size_t>(rank.rank())] =
        memory;
  }
  EXPECT_EQ(averager->step(), oracle.steps);
  return absl::OkStatus();
}

uint32_t Bits(float value) { return std::bit_cast<uint32_t>(value); }

// Fails at the first element that differs in its bits.
void ExpectSameBits(absl::Span<const float> got, absl::Span<const float> want,
                    const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(Bits(got[i]), Bits(want[i]))
        << what << ", element " << i << ": " << got[i] << " and " << want[i];
  }
}

// Within (n + 1) * 2^-24 * sum |x_r| / n, since PyTorch rounds n times and we
// once. The bound is worked out in float64, where its own rounding is no
// matter.
void ExpectWithinRounding(absl::Span<const float> got,
                          absl::Span<const float> want,
                          absl::Span<const Memory> before,
                          const std::string& what) {
  const auto n = static_cast<double>(before.size());
  for (size_t i = 0; i < got.size(); ++i) {
    double sum = 0;
    for (const Memory& x : before) sum += std::fabs(double{x[i]});
    const double bound = (n + 1) * std::ldexp(1, -24) * sum / n;
    ASSERT_LE(std::fabs(double{got[i]} - double{want[i]}), bound)
        << what << ", element " << i << ": " << got[i] << " and " << want[i];
  }
}

// One parameter in one meeting, on all ranks.
void ExpectAverage(const OracleMeeting& meeting, size_t index,
                   absl::Span<const absl::Span<const float>> got) {
  const std::vector<float>& reference = *meeting.reference[index];
  const std::vector<float>& after = *meeting.after[index];
  std::vector<Memory> before;
  for (const auto& model : meeting.before) before.push_back(model[index]);

  std::vector<const void*> inputs;
  for (const Memory& x : before) inputs.push_back(x.data());
  std::vector<float> mean(reference.size());
  ReferenceMean(DType::kFloat32, inputs, /*weights=*/{},
                static_cast<int64_t>(mean.size()), mean.data());
  ExpectSameBits(mean, reference, "two references");

  for (size_t r = 0; r < got.size(); ++r) {
    ExpectSameBits(got[r], reference, absl::StrCat("reference, rank ", r));
    const std::string what = absl::StrCat("PyTorch, rank ", r);
    if (got.size() == 2) {
      ExpectSameBits(got[r], after, what);
    } else {
      ExpectWithinRounding(got[r], after, before, what);
    }
  }
}

// Returns how many elements were averaged, and compared on all ranks.
int64_t CheckStep(const OracleCase& oracle, int64_t step,
                  const std::vector<Memory>& memories) {
  const std::vector<size_t> begins = Layout(oracle);
  const auto meeting = oracle.meetings.find(step);
  int64_t averaged = 0;
  for (size_t i = 0; i < oracle.parameters.size(); ++i) {
    const OracleParameter& parameter = oracle.parameters[i];
    SCOPED_TRACE(absl::StrCat("step ", step, ", ", parameter.name));
    const auto count = static_cast<size_t>(parameter.count());
    const bool averages =
        meeting != oracle.meetings.end() && parameter.has_gradient;
    std::vector<absl::Span<const float>> got;
    for (size_t r = 0; r < memories.size(); ++r) {
      got.push_back(absl::MakeSpan(memories[r]).subspan(begins[i], count));
      EXPECT_EQ(Bits(memories[r][begins[i] + count]), Bits(kGuard))
          << "written past the end on rank " << r;
      if (averages) continue;
      const Memory own = Trained(oracle, step, static_cast<int>(r));
      ExpectSameBits(got[r], absl::MakeSpan(own).subspan(begins[i], count),
                     absl::StrCat("untouched, rank ", r));
    }
    if (!averages) continue;
    ExpectAverage(meeting->second, i, got);
    averaged += parameter.count();
  }
  return averaged;
}

class PyTorchParityTest : public ::testing::TestWithParam<int> {};

TEST_P(PyTorchParityTest, ReplaysTheRecord) {
  int cases = 0;
  int64_t averaged = 0;
  for (const OracleCase& oracle : ReadOracle(kOracle)) {
    if (oracle.ranks != GetParam()) continue;
    SCOPED_TRACE(oracle.name);
    Replay replay(static_cast<size_t>(oracle.steps),
                  std::vector<Memory>(static_cast<size_t>(oracle.ranks),
                                      Memory(Layout(oracle).back())));
    sim::testing::RunRanks({.ranks = oracle.ranks},
                           [&](sim::RankContext& rank) {
                             return ReplayRank(oracle, rank, replay);
                           });
    for (int64_t step = 0; step < oracle.steps; ++step) {
      averaged += CheckStep(oracle, step, replay[static_cast<size_t>(step)]);
    }
    ++cases;
  }
  // As many as README.md tells of.
  EXPECT_EQ(cases, 13);
  EXPECT_EQ(averaged, 1653);
}

INSTANTIATE_TEST_SUITE_P(Ranks, PyTorchParityTest, ::testing::Values(2, 3, 4),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace parley::testing
