// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What a world promises beyond the communicator's contract, which the
// conformance suite covers: virtual time, determinism, faults, deadlocks,
// buffer checks and actors.
#include "parley/sim/world.h"

#include <atomic>
#include <memory>
#include <sstream>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/base/status_macros.h"
#include "parley/device/cpu/cpu_device.h"

namespace parley::sim {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// All links take 10 us and no time per byte to speak of.
WorldOptions FlatWorld(int ranks) {
  WorldOptions options;
  options.ranks = ranks;
  options.intra_host = {absl::Microseconds(10), int64_t{1} << 60};
  options.inter_host = options.intra_host;
  options.kernel_bytes_per_second = 1'000'000'000;  // 1 ns per byte
  return options;
}

absl::Status Meet(RankContext& rank) {
  Communicator& comm = rank.communicator();
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  PARLEY_ASSIGN_OR_RETURN(Work work, comm.Barrier(*stream));
  return work.WaitHost();
}

// A program with ragged compute times, random draws, sub-groups and payloads.
absl::Status BusyProgram(RankContext& rank) {
  Communicator& comm = rank.communicator();
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  std::vector<int> half;
  for (int i = rank.rank() % 2; i < rank.size(); i += 2) half.push_back(i);
  PARLEY_ASSIGN_OR_RETURN(auto sub, comm.Split(half));
  std::vector<int64_t> value = {rank.rank()};
  for (int i = 0; i < 5; ++i) {
    rank.Compute(absl::Nanoseconds(rank.random().Uniform(5000)));
    value[0] += static_cast<int64_t>(rank.random().Uniform(100));
    const TensorView view = TensorView::Of(absl::MakeSpan(value));
    PARLEY_ASSIGN_OR_RETURN(
        Work work, (i % 2 == 0 ? comm : *sub)
                       .AllReduce({view}, {view}, ReduceOp::kSum, *stream));
    PARLEY_RETURN_IF_ERROR(work.WaitHost());
  }
  return absl::OkStatus();
}

TEST(WorldTest, EveryRankRuns) {
  std::vector<std::atomic<int>> ran(5);
  const Report report = World({.ranks = 5}).Run([&](RankContext& rank) {
    ++ran[rank.rank()];
    EXPECT_EQ(rank.size(), 5);
    EXPECT_EQ(rank.communicator().rank(), rank.rank());
    return absl::OkStatus();
  });
  EXPECT_TRUE(report.status.ok()) << report;
  for (auto& count : ran) EXPECT_EQ(count, 1);
}

TEST(WorldTest, ReportsTheFirstFailureInVirtualTime) {
  const Report report = World({.ranks = 3}).Run([](RankContext& rank) {
    rank.Compute(absl::Microseconds(10 - rank.rank()));
    return rank.rank() == 0 ? absl::OkStatus() : absl::DataLossError("no data");
  });
  EXPECT_EQ(report.status, absl::DataLossError("rank 2: no data"));
}

// An operation starts when the last rank has come, and takes what the links
// say; who came early has waited.
TEST(WorldTest, VirtualTimes) {
  const Report report = World(FlatWorld(4)).Run([](RankContext& rank) {
    rank.Compute(absl::Microseconds(100 * (rank.rank() + 1)));
    return Meet(rank);
  });
  ASSERT_TRUE(report.status.ok()) << report;
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(report.ranks[i].finished_ns, 400'000 + 20'000);
    EXPECT_EQ(report.ranks[i].compute_ns, 100'000 * (i + 1));
    EXPECT_EQ(report.ranks[i].wait_ns, 100'000 * (3 - i));
    EXPECT_EQ(report.ranks[i].transfer_ns, 20'000);
  }
  EXPECT_EQ(report.virtual_ns, 420'000);
  EXPECT_FALSE(report.never_computed);
}

TEST(WorldTest, StragglersComputeLonger) {
  WorldOptions options = FlatWorld(2);
  options.stragglers = {{.rank = 1, .percent = 250}};
  const Report report = World(options).Run([](RankContext& rank) {
    rank.Compute(absl::Microseconds(100));
    return Meet(rank);
  });
  EXPECT_EQ(report.ranks[0].wait_ns, 150'000);
  EXPECT_EQ(report.virtual_ns, 260'000);
}

TEST(WorldTest, FlagsARunThatNeverComputes) {
  EXPECT_TRUE(World({.ranks = 2}).Run(Meet).never_computed);
}

// Two streams overlap in virtual time: a kernel of 1 ms on one, an operation of
// 10 us on the other.
TEST(WorldTest, StreamsOverlap) {
  const Report report =
      World(FlatWorld(2)).Run([](RankContext& rank) -> absl::Status {
        Communicator& comm = rank.communicator();
        PARLEY_ASSIGN_OR_RETURN(auto compute, comm.device().CreateStream());
        PARLEY_ASSIGN_OR_RETURN(auto transfer, comm.device().CreateStream());
        std::vector<float> from(125'000), to(125'000);
        TensorCopy copy{TensorView::Of(absl::MakeSpan(from)),
                        TensorView::Of(absl::MakeSpan(to))};
        PARLEY_RETURN_IF_ERROR(comm.device().Copy({&copy, 1}, *compute));
        PARLEY_ASSIGN_OR_RETURN(Work work, comm.Barrier(*transfer));
        PARLEY_RETURN_IF_ERROR(work.WaitHost());
        EXPECT_EQ(comm.clock().NowNs(), 10'000);
        PARLEY_RETURN_IF_ERROR(compute->WaitHost(absl::InfiniteDuration()));
        EXPECT_EQ(comm.clock().NowNs(), 1'000'000);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.status.ok()) << report;
}

TEST(WorldTest, SameBitsForAnyNumberOfRunningRanks) {
  uint64_t hash = 0;
  for (int parallel : {0, 1, 2, 3, 7, 0}) {
    WorldOptions options = FlatWorld(7);
    options.hosts = 2;
    options.seed = 7;
    options.max_parallel = parallel;
    World world(options);
    for (int rerun = 0; rerun < 3; ++rerun) {
      const Report report = world.Run(BusyProgram);
      ASSERT_TRUE(report.status.ok()) << report;
      if (hash == 0) hash = report.trace_hash;
      EXPECT_EQ(report.trace_hash, hash) << parallel;
    }
  }
  WorldOptions other = FlatWorld(7);
  other.hosts = 2;
  other.seed = 8;
  EXPECT_NE(World(other).Run(BusyProgram).trace_hash, hash);
}

// One flipped payload bit, with equal sizes and times, shows in the hash.
TEST(WorldTest, TraceHashCoversPayloads) {
  const auto run = [](int64_t value) {
    return World({.ranks = 2})
        .Run([value](RankContext& rank) -> absl::Status {
          Communicator& comm = rank.communicator();
          PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
          std::vector<int64_t> data = {value};
          PARLEY_ASSIGN_OR_RETURN(
              Work work, comm.Broadcast({TensorView::Of(absl::MakeSpan(data))},
                                        0, *stream));
          return work.WaitHost();
        })
        .trace_hash;
  };
  EXPECT_EQ(run(4), run(4));
  EXPECT_NE(run(4), run(5));
}

TEST(WorldTest, DeadlockTellsWhoWaitsForWhat) {
  const Report report =
      World({.ranks = 3}).Run([](RankContext& rank) -> absl::Status {
        if (rank.rank() == 1) {
          return rank.communicator().clock().WaitUntil([] { return false; },
                                                       kNever)
                     ? absl::OkStatus()
                     : absl::CancelledError("gave up");
        }
        return Meet(rank);
      });
  EXPECT_EQ(report.status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(report.status.message()),
              AllOf(HasSubstr("deadlock"),
                    HasSubstr("rank 0 at 0.000 us waits in Barrier #0 for "
                              "rank 1"),
                    HasSubstr("rank 1 at 0.000 us waits for a condition")));
  EXPECT_EQ(report.ranks[0].status.code(), absl::StatusCode::kAborted);
}

TEST(WorldTest, CrashEndsTheVictimAndTellsThePeers) {
  WorldOptions options = FlatWorld(3);
  options.faults = {{FaultKind::kCrash, 1, absl::Microseconds(50)}};
  const Report report = World(options).Run([](RankContext& rank) {
    for (int i = 0; i < 100; ++i) {
      rank.Compute(absl::Microseconds(5));
      PARLEY_RETURN_IF_ERROR(Meet(rank));
    }
    return absl::OkStatus();
  });
  EXPECT_EQ(report.ranks[1].status.code(), absl::StatusCode::kCancelled);
  for (int i : {0, 2}) {
    EXPECT_EQ(report.ranks[i].status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(report.ranks[i].status.message()),
                HasSubstr("rank 1 crashed"));
    EXPECT_EQ(report.ranks[i].finished_ns, 50'000);
  }
}

TEST(WorldTest, AHangShowsOnlyInDeadlines) {
  WorldOptions options = FlatWorld(3);
  options.timeout = absl::Milliseconds(2);
  options.faults = {{FaultKind::kHang, 2, absl::Microseconds(50)}};
  const Report report = World(options).Run([](RankContext& rank) {
    for (int i = 0; i < 100; ++i) {
      rank.Compute(absl::Microseconds(5));
      PARLEY_RETURN_IF_ERROR(Meet(rank));
    }
    return absl::OkStatus();
  });
  EXPECT_EQ(report.ranks[2].status.code(), absl::StatusCode::kCancelled);
  for (int i : {0, 1}) {
    EXPECT_EQ(report.ranks[i].status.code(),
              absl::StatusCode::kDeadlineExceeded);
    EXPECT_THAT(std::string(report.ranks[i].status.message()),
                HasSubstr("not arrived: rank 2"));
  }
}

// An event of another device stands for nothing that a stream here could know.
TEST(WorldTest, AForeignEventFailsTheStream) {
  const Report report = World({.ranks = 1}).Run([](RankContext& rank) {
    Device& device = rank.communicator().device();
    const std::unique_ptr<Event> foreign = CpuDevice().CreateEvent();
    for (const bool record : {true, false}) {
      PARLEY_ASSIGN_OR_RETURN(auto stream, device.CreateStream());
      record ? stream->Record(*foreign) : stream->Wait(*foreign);
      EXPECT_EQ(stream->WaitHost(absl::InfiniteDuration()).code(),
                absl::StatusCode::kInvalidArgument);
    }
    return absl::OkStatus();
  });
  EXPECT_TRUE(report.status.ok()) << report.status;
}

// Touches a buffer between the call and its completion.
absl::Status Touch(RankContext& rank, bool input) {
  Communicator& comm = rank.communicator();
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  std::vector<float> in(8, 1.0f), out(8);
  PARLEY_ASSIGN_OR_RETURN(Work work,
                          comm.AllReduce({TensorView::Of(absl::MakeSpan(in))},
                                         {TensorView::Of(absl::MakeSpan(out))},
                                         ReduceOp::kSum, *stream));
  if (rank.rank() == 1) (input ? in : out)[5] = 3;
  return work.WaitHost();
}

TEST(WorldTest, NamesTheRankThatTouchesABuffer) {
  for (bool input : {true, false}) {
    const Report report = World({.ranks = 3}).Run([&](RankContext& rank) {
      return Touch(rank, input);
    });
    for (const RankReport& rank : report.ranks) {
      EXPECT_EQ(rank.status.code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_THAT(std::string(rank.status.message()),
                  AllOf(HasSubstr("AllReduce #0: rank 1 wrote to"),
                        HasSubstr(input ? "input" : "output")));
    }
  }
}

// An actor waits in virtual time beside its rank, and is told at once.
TEST(WorldTest, ActorsRunInVirtualTime) {
  const Report report =
      World(FlatWorld(3)).Run([](RankContext& rank) -> absl::Status {
        Clock& clock = rank.communicator().clock();
        std::atomic<bool> stop = false;
        int64_t timed_out_ns = 0;
        int64_t stopped_ns = 0;
        auto actor = clock.StartThread("watchdog", [&] {
          EXPECT_FALSE(clock.WaitUntil([&] { return stop.load(); }, 30'000));
          timed_out_ns = clock.NowNs();
          EXPECT_TRUE(clock.WaitUntil([&] { return stop.load(); }, kNever));
          stopped_ns = clock.NowNs();
        });
        rank.Compute(absl::Microseconds(100));
        PARLEY_RETURN_IF_ERROR(Meet(rank));
        stop = true;
        clock.Wake();
        actor->Join();
        EXPECT_EQ(timed_out_ns, 30'000);
        EXPECT_EQ(stopped_ns, 120'000);
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.status.ok()) << report;
  EXPECT_EQ(report.virtual_ns, 120'000);
}

TEST(WorldTest, ReportIsReadable) {
  std::ostringstream out;
  out << World({.ranks = 2}).Run(Meet);
  EXPECT_THAT(out.str(), AllOf(HasSubstr("2 ranks"), HasSubstr("trace hash 0x"),
                               HasSubstr("never called Compute()")));
}

}  // namespace
}  // namespace parley::sim
