// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/properties/meetings.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "parley/averaging/model_averager.h"
#include "parley/averaging/plan.h"
#include "parley/base/random.h"
#include "parley/base/status_macros.h"
#include "parley/device/cpu/cpu_device.h"
#include "parley/device/testing/device_array.h"
#include "parley/device/testing/values.h"
#include "parley/sim/world.h"
#include "parley/tests/support/backend.h"
#include "parley/tests/support/reference.h"
#include "parley/tests/support/tested_averager.h"

namespace parley::testing::properties {
namespace {

constexpr int64_t kBytesPerHeader = 56;  // docs/algorithms.md

Elements Draw(const Case& of, size_t meeting, size_t rank, size_t tensor) {
  const TensorSpec& spec = of.tensors[tensor];
  Random random = Random(of.seed)
                      .Fork("meeting", meeting)
                      .Fork("rank", rank)
                      .Fork(spec.name);
  Elements elements(static_cast<size_t>(CountOf(spec) * SizeOf(spec.dtype)));
  FillWithHardValues(random, spec.dtype, CountOf(spec), elements.data());
  return elements;
}

}  // namespace

Workload::Workload(const Case& of) : of_(of), layouts_(LayoutsOf(of.tensors)) {
  for (size_t m = 0; m < kMeetings; ++m) {
    before_[m].resize(of_.ranks());
    for (size_t t = 0; t < of_.tensors.size(); ++t) {
      for (size_t r = 0; r < of_.ranks(); ++r) {
        before_[m][r].push_back(Draw(of_, m, r, t));
      }
      results_[m].push_back(Result(m, t));
    }
  }
}

bool Workload::IsMet(size_t meeting, const TensorSpec& spec) const {
  return of_.ranks() > 1 && spec.policy != Policy::kLeave &&
         !(spec.sits_out && meeting > 0);
}

Elements Workload::Result(size_t meeting, size_t tensor) const {
  const TensorSpec& spec = of_.tensors[tensor];
  Elements result = before_[meeting][0][tensor];
  if (spec.policy == Policy::kBroadcast || !IsMet(meeting, spec)) return result;
  std::vector<const void*> inputs;
  for (const auto& replica : before_[meeting]) {
    inputs.push_back(replica[tensor].data());
  }
  ReferenceMean(spec.dtype, inputs, of_.weights[meeting], CountOf(spec),
                result.data());
  return result;
}

const Elements& Workload::After(size_t meeting, size_t rank,
                                size_t tensor) const {
  return IsMet(meeting, of_.tensors[tensor]) ? results_[meeting][tensor]
                                             : Before(meeting, rank, tensor);
}

bool Workload::IsHeld(size_t meeting) const {
  return std::any_of(of_.tensors.begin(), of_.tensors.end(),
                     [&](const TensorSpec& spec) {
                       return IsMet(meeting, spec) && CountOf(spec) > 0;
                     });
}

int64_t Workload::BytesReceived() const {
  const auto others = static_cast<int64_t>(of_.ranks()) - 1;
  int64_t bytes = 0;
  for (size_t t = 0; t < of_.tensors.size(); ++t) {
    const TensorSpec& spec = of_.tensors[t];
    if (!IsMet(0, spec)) continue;
    // Each rank sends its piece of each shard to the shard's owner, who sends
    // the result to all others.
    const int64_t times = spec.policy == Policy::kBroadcast ? 1 : 2;
    bytes += times * others * CountOf(spec) * SizeOf(spec.dtype);
  }
  return static_cast<int64_t>(kMeetings) * bytes;
}

namespace {

// The order in which an averager is told of the tensors.
std::vector<size_t> OrderOf(const Case& of, uint64_t seed) {
  std::vector<size_t> order(of.tensors.size());
  Random random(seed);
  for (size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
    if (seed != 0) std::swap(order[i], order[random.Uniform(i + 1)]);
  }
  return order;
}

// `meeting` is the one that is about to be held.
absl::StatusOr<ParameterSet> ParametersOf(const Case& of,
                                          const Variation& variation,
                                          const Replica& replica,
                                          const size_t& meeting) {
  std::vector<ParameterGroup> groups;
  for (size_t t : OrderOf(of, variation.order_seed)) {
    const TensorSpec& spec = of.tensors[t];
    ParameterGroup& group = groups.emplace_back();
    group.policy = spec.policy;
    group.parameters = {{spec.name, replica.view(t)}};
    if (spec.sits_out) {
      group.parameters[0].takes_part = [&meeting] { return meeting == 0; };
    }
  }
  return ParameterSet::Create(std::move(groups));
}

// Asks a plan, which refuses a budget of nothing by naming the least.
absl::StatusOr<int64_t> LeastBudget(const ParameterSet& parameters,
                                    size_t ranks) {
  const auto plan = AveragingPlan::Create(
      parameters,
      {.world_size = static_cast<int>(ranks), .max_extra_bytes = 0});
  if (plan.ok()) return 0;
  const absl::string_view message = plan.status().message();
  const absl::string_view text = "must be at least ";
  const size_t begin = message.find(text);
  int64_t least = 0;
  if (begin == absl::string_view::npos ||
      !absl::SimpleAtoi(
          message.substr(begin + text.size(),
                         message.find(" for this model") - begin - text.size()),
          &least)) {
    return plan.status();
  }
  return least;
}

absl::StatusOr<int64_t> BudgetOf(const Workload& workload,
                                 const Variation& variation) {
  const Case& of = workload.of();
  CpuDevice device;
  const Replica replica(workload.layouts(), device);
  const size_t meeting = 0;
  PARLEY_ASSIGN_OR_RETURN(const ParameterSet parameters,
                          ParametersOf(of, variation, replica, meeting));
  int64_t model = 0;
  for (const ParameterSet::Entry& entry : parameters.entries()) {
    model += entry.parameter.tensor.bytes();
  }
  PARLEY_ASSIGN_OR_RETURN(const int64_t least,
                          LeastBudget(parameters, of.ranks()));
  return least + model * variation.extra_percent / 100;
}

// What zeros add to the bytes that all ranks receive in all meetings.
int64_t PaddingBytes(const AveragingPlan& plan) {
  const int64_t others = plan.world_size() - 1;
  int64_t bytes = 0;
  for (const Bucket& bucket : plan.buckets()) {
    const int64_t times = bucket.policy == Policy::kBroadcast ? 1 : 2;
    bytes += times * others * bucket.padding * SizeOf(bucket.dtype);
  }
  return static_cast<int64_t>(kMeetings) * bytes;
}

// One rank of a world.
class Rank {
 public:
  Rank(const Workload& workload, const Variation& variation,
       sim::RankContext& context)
      : workload_(workload),
        variation_(variation),
        context_(context),
        rank_(static_cast<size_t>(context.rank())),
        replica_(workload.layouts(), context.communicator().device()),
        incoming_(workload.layouts(), context.communicator().device()),
        scratch_(context.communicator().device(), 2) {}
  // Also where something failed, the tensors outlive the work on them.
  ~Rank() {
    if (stream_ == nullptr) return;
    stream_->WaitHost(absl::InfiniteDuration()).IgnoreError();
  }

  absl::Status Run(int64_t budget, Outcome& outcome) {
    Communicator& communicator = context_.communicator();
    PARLEY_ASSIGN_OR_RETURN(stream_, communicator.device().CreateStream());
    std::vector<int> all(static_cast<size_t>(communicator.size()));
    std::iota(all.begin(), all.end(), 0);
    PARLEY_ASSIGN_OR_RETURN(other_, communicator.Split(all));
    ModelAveragerOptions options;
    options.communicator = &communicator;
    PARLEY_ASSIGN_OR_RETURN(
        options.parameters,
        ParametersOf(workload_.of(), variation_, replica_, meeting_));
    options.schedule = PeriodicSchedule({.period = 1});
    options.max_extra_bytes = budget;
    PARLEY_ASSIGN_OR_RETURN(auto averager,
                            TestedAverager::Create(std::move(options)));
    outcome.buckets = averager->plan().buckets().size();
    outcome.padding_bytes = PaddingBytes(averager->plan());
    if (averager->plan().peak_bytes() > budget) {
      return absl::InternalError("the plan exceeds its budget");
    }
    for (; meeting_ < kMeetings; ++meeting_) {
      PARLEY_RETURN_IF_ERROR(Meet(*averager, outcome));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Meet(ModelAverager& averager, Outcome& outcome) {
    // So that ranks arrive apart.
    context_.Compute(absl::Microseconds(
        static_cast<int64_t>(context_.random().Uniform(50))));
    PARLEY_RETURN_IF_ERROR(Load());
    StepOptions options;
    options.weight = workload_.of().weights[meeting_][rank_];
    if (variation_.on_a_stream) options.stream = stream_.get();
    PARLEY_ASSIGN_OR_RETURN(const StepReport report, averager.Step(options));
    if (!report.met) return absl::InternalError("no meeting was held");
    // Where nothing was exchanged, nobody has waited for the stream.
    if (!workload_.IsHeld(meeting_)) {
      PARLEY_RETURN_IF_ERROR(stream_->WaitHost(absl::InfiniteDuration()));
    }
    for (size_t t = 0; t < workload_.of().tensors.size(); ++t) {
      const absl::Status status =
          replica_.Expect(t, workload_.After(meeting_, rank_, t));
      if (status.ok()) continue;
      return absl::InternalError(
          absl::StrCat("meeting ", meeting_, ": ", status.message()));
    }
    outcome.fingerprints[meeting_] = report.model_fingerprint;
    outcome.bytes_reported +=
        report.bytes_received - kBytesPerHeader * (context_.size() - 1);
    return absl::OkStatus();
  }

  // On a stream, the values come late, and the host does not wait for them: a
  // kernel writes them behind an operation that itself begins late. That is one
  // of another communicator, or those of the meeting would wait for it.
  absl::Status Load() {
    Replica& target = variation_.on_a_stream ? incoming_ : replica_;
    copies_.clear();
    for (size_t t = 0; t < workload_.of().tensors.size(); ++t) {
      target.Set(t, workload_.Before(meeting_, rank_, t));
      copies_.push_back({incoming_.view(t), replica_.view(t)});
    }
    if (!variation_.on_a_stream) return absl::OkStatus();
    Device& device = context_.communicator().device();
    PARLEY_RETURN_IF_ERROR(device.Copy({&delay_, 1}, *stream_));
    PARLEY_RETURN_IF_ERROR(other_->Barrier(*stream_).status());
    return device.Copy({copies_.data(), static_cast<int64_t>(copies_.size())},
                       *stream_);
  }

  const Workload& workload_;
  const Variation& variation_;
  sim::RankContext& context_;
  const size_t rank_;
  size_t meeting_ = 0;
  Replica replica_;
  Replica incoming_;
  std::vector<TensorCopy> copies_;
  const DeviceArray<double> scratch_;
  const TensorCopy delay_ = {scratch_.view().Slice(0, 1),
                             scratch_.view().Slice(1, 1)};
  std::unique_ptr<Communicator> other_;
  std::unique_ptr<Stream> stream_;
};

sim::WorldOptions WorldOf(const Case& of, const Variation& variation) {
  sim::WorldOptions world;
  world.ranks = static_cast<int>(of.ranks());
  world.hosts = world.ranks >= 4 ? 2 : 1;
  world.seed = of.seed;
  world.max_parallel = variation.max_parallel;
  // A kernel then takes longer than any operation.
  if (variation.slow_kernels) world.kernel_bytes_per_second = 1000;
  return world;
}

absl::Status ExpectSameOnAllRanks(const std::vector<Outcome>& ranks) {
  for (const Outcome& rank : ranks) {
    if (rank.fingerprints == ranks[0].fingerprints) continue;
    return absl::InternalError("ranks report different fingerprints");
  }
  return absl::OkStatus();
}

}  // namespace

Outcome Meet(const Workload& workload, const Variation& variation) {
  const Case& of = workload.of();
  Outcome outcome;
  const absl::StatusOr<int64_t> budget = BudgetOf(workload, variation);
  if (!budget.ok()) {
    outcome.status = budget.status();
    return outcome;
  }
  std::vector<Outcome> ranks(of.ranks());
  const sim::Report report =
      RunWorld(WorldOf(of, variation), [&](sim::RankContext& context) {
        Rank rank(workload, variation, context);
        return rank.Run(*budget, ranks[static_cast<size_t>(context.rank())]);
      });
  outcome = ranks[0];
  outcome.status =
      report.status.ok() ? ExpectSameOnAllRanks(ranks) : report.status;
  outcome.bytes_reported = 0;
  for (const Outcome& rank : ranks) {
    outcome.bytes_reported += rank.bytes_reported;
  }
  for (const sim::RankReport& rank : report.ranks) {
    outcome.bytes_moved += rank.bytes_received;
  }
  outcome.trace_hash = report.trace_hash;
  outcome.virtual_ns = report.virtual_ns;
  return outcome;
}

Outcome MustMeet(const Workload& workload, const Variation& variation) {
  const Outcome outcome = Meet(workload, variation);
  if (!outcome.status.ok()) RC_FAIL(outcome.status.ToString());
  return outcome;
}

int64_t HeaderBytes(const Case& of) {
  const auto ranks = static_cast<int64_t>(of.ranks());
  return static_cast<int64_t>(1 + kMeetings) * ranks * (ranks - 1) *
         kBytesPerHeader;
}

}  // namespace parley::testing::properties
