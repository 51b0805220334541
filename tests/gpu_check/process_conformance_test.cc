// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What of the conformance suite runs with a process per rank: over the fakes,
// where ranks are threads, that the chosen tests are there, want as many ranks
// as they are chosen for, and keep to their share of collectives. And how
// processes tell each other how they ended.
#include "parley/tools/gpu_check/process_conformance.h"

#include <cstdint>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "parley/base/clock.h"
#include "parley/comm/lost_ranks.h"
#include "parley/comm/store/file_store.h"
#include "parley/tests/fakes/fake_nccl.h"
#include "parley/tests/gpu_check/on_fakes.h"
#include "parley/tools/gpu_check/counted_nccl.h"

namespace parley::gpu_check {
namespace {

using parley::testing::ConformanceBackend;
using parley::testing::RankBody;

// That there are some for every number of ranks.
constexpr size_t kLeastCells = 5;

std::string TempFolder(const std::string& name) {
  return absl::StrCat(::testing::TempDir(), "/", name);
}

TEST(ShareStatusesTest, EachGetsWhatAllReturned) {
  FileStore store(TempFolder("all"), SteadyClock());
  const std::vector<absl::Status> ends = {
      absl::OkStatus(),
      WithLostRanks(absl::UnavailableError("rank 2: two\nlines"), {0, 2}),
      absl::InternalError("")};
  std::vector<std::vector<absl::Status>> got(3);
  std::vector<std::thread> ranks;
  for (size_t rank = 0; rank < 3; ++rank) {
    ranks.emplace_back([&, rank] {
      got[rank] = ShareStatuses(store, "Suite.test", static_cast<int>(rank), 3,
                                ends[rank], absl::Minutes(1));
    });
  }
  for (std::thread& rank : ranks) rank.join();
  for (const auto& statuses : got) EXPECT_EQ(statuses, ends);
}

TEST(ShareStatusesTest, WhoDoesNotTellIsAborted) {
  FileStore store(TempFolder("missing"), SteadyClock());
  const auto got = ShareStatuses(store, "Suite.test", 0, 2, absl::OkStatus(),
                                 absl::ZeroDuration());
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0], absl::OkStatus());
  EXPECT_EQ(got[1].code(), absl::StatusCode::kAborted) << got[1];
}

TEST(ProcessBackendTest, ATestForOtherRanksFails) {
  NcclOptions options;
  options.size = 2;
  const auto got = ProcessBackend(options).run(
      3, [](Communicator&) { return absl::OkStatus(); });
  ASSERT_EQ(got.size(), 3u);
  for (const absl::Status& status : got) {
    EXPECT_EQ(status.message(), "this test wants 3 ranks, the job has 2");
  }
}

// Of the selected tests, by the number of ranks that they ask for.
struct Asked {
  std::set<std::string> tests;
  int64_t collectives = 0;  // of one rank
};

std::map<int, Asked>& AllAsked() {
  static auto* const asked = new std::map<int, Asked>();
  return *asked;
}

std::vector<absl::Status> RunOnThreads(int ranks, const RankBody& body) {
  const NcclApi counted = CountCollectives(fakes::FakeNcclApi(22809));
  FakeGpus gpus;
  gpus.decorate = [&counted](NcclApi& nccl) { nccl = counted; };
  const int64_t before = Collectives();
  const fakes::FakeReport report = RunOnFakeGpus(
      ranks, gpus, [&](const NcclOptions& options) -> absl::Status {
        auto comm = NcclCommunicator::Create(options);
        return comm.ok() ? body(**comm) : comm.status();
      });
  EXPECT_TRUE(report.diagnoses.empty()) << report;
  Asked& asked = AllAsked()[ranks];
  asked.tests.insert(
      ::testing::UnitTest::GetInstance()->current_test_info()->name());
  asked.collectives += (Collectives() - before) / ranks;
  std::vector<absl::Status> statuses;
  for (const auto& rank : report.world.ranks) statuses.push_back(rank.status);
  return statuses;
}

// Runs what is selected for `ranks`: all that is named must be there, nothing
// may ask for other ranks, and there is a number of collectives to keep to.
bool RunSuiteFor(int ranks, int64_t most_collectives) {
  const std::string filter = ConformanceFilter(ranks);
  AllAsked().clear();
  GTEST_FLAG_SET(filter, filter);
  bool good = RUN_ALL_TESTS() == 0 && AllAsked().size() == 1;
  const Asked& asked = AllAsked()[ranks];
  good = good && asked.collectives <= most_collectives;
  std::cout << ranks << " ranks: " << asked.tests.size() << " tests, "
            << asked.collectives << " collectives\n";
  const std::string selected = filter.substr(0, filter.find('-'));
  for (const absl::string_view pattern : absl::StrSplit(selected, ':')) {
    const std::string name(pattern.substr(pattern.find('.') + 1));
    const bool there = absl::StrContains(name, '*')
                           ? asked.tests.size() >= kLeastCells
                           : asked.tests.count(name) == 1;
    if (!there) std::cout << "no test " << pattern << "\n";
    good = good && there;
  }
  if (!good) std::cout << "not as it should be\n";
  return good;
}

}  // namespace

// The tests above, and then each selection of the suite.
int Main() {
  GTEST_FLAG_SET(filter, "ShareStatusesTest.*:ProcessBackendTest.*");
  bool good = RUN_ALL_TESTS() == 0;
  ConformanceBackend backend;
  backend.name = "Nccl";
  backend.run = RunOnThreads;
  backend.max_count = 4096;  // what is larger is a test of memory
  parley::testing::RegisterConformanceTests(backend);
  good = RunSuiteFor(1, 20) && good;
  good = RunSuiteFor(2, 30) && good;
  good = RunSuiteFor(3, 45) && good;
  return good ? 0 : 1;
}

}  // namespace parley::gpu_check

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return parley::gpu_check::Main();
}
