// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/world.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "parley/base/with_message.h"
#include "parley/sim/communicator.h"
#include "parley/sim/engine.h"

namespace parley::sim {
namespace {

// Leaves room for the actors of a rank between it and the next.
constexpr int64_t kKeysPerRank = 1 << 16;

class RankContextImpl final : public RankContext {
 public:
  explicit RankContextImpl(RankState& rank)
      : rank_(rank),
        random_(Random(rank.engine.options().seed)
                    .Fork("rank", static_cast<uint64_t>(rank.index))),
        device_(rank),
        communicator_(rank, device_, rank.engine.root()) {}

  int rank() const override { return rank_.index; }
  int size() const override { return rank_.engine.options().ranks; }
  Communicator& communicator() override { return communicator_; }
  Random& random() override { return random_; }

  void Compute(absl::Duration duration) override {
    const int64_t ns =
        std::max<int64_t>(0, absl::ToInt64Nanoseconds(duration)) *
        rank_.percent / 100;
    rank_.Caller().now_ns += ns;
    rank_.report.compute_ns += ns;
  }

 private:
  RankState& rank_;
  Random random_;
  SimDevice device_;
  SimCommunicator communicator_;
};

void RunRank(RankState& rank,
             const std::function<absl::Status(RankContext&)>& body) {
  {
    RankContextImpl context(rank);
    rank.report.status = body(context);
  }
  if (!rank.fate.ok()) rank.report.status = rank.fate;
  rank.report.finished_ns = rank.thread->now_ns;
  rank.engine.scheduler().Post(*rank.thread, &rank, RankState::kLeft);
}

// The failure that came first, not counting ranks that a fault took out.
absl::Status FirstFailure(Engine& engine) {
  if (!engine.deadlock().ok()) return engine.deadlock();
  const RankState* first = nullptr;
  for (int i = 0; i < engine.options().ranks; ++i) {
    const RankState& rank = engine.rank(i);
    if (rank.report.status.ok() || !rank.fate.ok()) continue;
    if (first == nullptr ||
        rank.report.finished_ns < first->report.finished_ns) {
      first = &rank;
    }
  }
  if (first == nullptr) return absl::OkStatus();
  const absl::Status& status = first->report.status;
  return WithMessage(status, absl::StrCat("rank ", first->index, ": ",
                                          std::string(status.message())));
}

}  // namespace

Report World::Run(const std::function<absl::Status(RankContext&)>& body) {
  Report report;
  report.status = Validate(options_);
  if (!report.status.ok()) return report;

  Engine engine(options_);
  std::vector<std::unique_ptr<SimClock>> clocks;
  for (int i = 0; i < options_.ranks; ++i) {
    RankState& rank = engine.rank(i);
    rank.thread =
        engine.scheduler().AddThread(i * kKeysPerRank, absl::StrCat("rank ", i),
                                     [&rank, &body] { RunRank(rank, body); });
    clocks.push_back(
        std::make_unique<SimClock>(engine.scheduler(), *rank.thread));
    rank.clock = clocks.back().get();
  }
  engine.ScheduleFaults();
  engine.scheduler().Run();

  report.status = FirstFailure(engine);
  bool computed = false;
  for (int i = 0; i < options_.ranks; ++i) {
    report.ranks.push_back(engine.rank(i).report);
    report.virtual_ns =
        std::max(report.virtual_ns, report.ranks.back().finished_ns);
    computed = computed || report.ranks.back().compute_ns > 0;
  }
  report.trace_hash = engine.trace_hash();
  report.never_computed = engine.any_operation() && !computed;
  report.scheduler_calls = engine.scheduler().parks();
  return report;
}

}  // namespace parley::sim
