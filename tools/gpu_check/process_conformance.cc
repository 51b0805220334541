// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/gpu_check/process_conformance.h"

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "parley/base/status_macros.h"
#include "parley/comm/lost_ranks.h"

namespace parley::gpu_check {
namespace {

using parley::testing::ConformanceBackend;
using parley::testing::RankBody;

// A test may take its rank up to here, and an abort comes on top.
constexpr absl::Duration kPatience = absl::Seconds(60);

std::vector<absl::string_view> NamedCases(int ranks) {
  if (ranks == 2) {
    return {"HandlesAreValues", "AbortFromAnotherThread",
            "FailureStopsTheStream"};
  }
  if (ranks == 3) {
    return {"ListsOfDifferentTensors",
            "EmptyLists",
            "ListsAreCopied",
            "EventsOrderStreams",
            "WorkOrdersAStream",
            "BadArgumentsAreRefused",
            "MismatchOfMembers",
            "TimeoutNamesWhoIsMissing",
            "HostTimeoutLeavesTheOperationAlone"};
  }
  return {};
}

// "14 0,2 its message": code, lost ranks, message.
std::string Tell(const absl::Status& status) {
  return absl::StrCat(static_cast<int>(status.code()), " ",
                      absl::StrJoin(LostRanks(status), ","), " ",
                      status.message());
}

// What a rank has told, kAborted if it told nothing that makes sense.
absl::Status Told(const absl::StatusOr<std::string>& value) {
  if (!value.ok()) return absl::AbortedError(value.status().message());
  const std::vector<std::string> parts =
      absl::StrSplit(*value, absl::MaxSplits(' ', 2));
  int code = 0;
  bool good = parts.size() == 3 && absl::SimpleAtoi(parts[0], &code);
  std::vector<int> lost;
  for (const absl::string_view rank :
       absl::StrSplit(good ? parts[1] : "", ',', absl::SkipEmpty())) {
    good = good && absl::SimpleAtoi(rank, &lost.emplace_back());
  }
  if (!good) return absl::AbortedError(absl::StrCat("not a status: ", *value));
  return WithLostRanks(
      absl::Status(static_cast<absl::StatusCode>(code), parts[2]), lost);
}

// "NcclConformance.EmptyLists"
std::string CurrentTest() {
  const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
  return absl::StrCat(info->test_suite_name(), ".", info->name());
}

absl::Status RunRank(const NcclOptions& options, const std::string& test,
                     const RankBody& body) {
  NcclOptions own = options;
  own.name = test;
  PARLEY_ASSIGN_OR_RETURN(const std::unique_ptr<NcclCommunicator> comm,
                          NcclCommunicator::Create(own));
  return body(*comm);
}

}  // namespace

ConformanceBackend ProcessBackend(const NcclOptions& options) {
  ConformanceBackend backend;
  backend.name = "Nccl";
  backend.run = [&options](int ranks,
                           const RankBody& body) -> std::vector<absl::Status> {
    if (ranks != options.size) {
      return std::vector<absl::Status>(
          static_cast<size_t>(ranks),
          absl::AbortedError(absl::StrCat("this test wants ", ranks,
                                          " ranks, the job has ",
                                          options.size)));
    }
    const std::string test = CurrentTest();
    const absl::Status own = RunRank(options, test, body);
    if (options.size == 1) return {own};
    return ShareStatuses(*options.store, test, options.rank, options.size, own,
                         kPatience);
  };
  return backend;
}

std::string ConformanceFilter(int ranks) {
  std::vector<std::string> patterns = {
      absl::StrCat("NcclConformanceCells.*_", ranks, "ranks_*")};
  for (const absl::string_view name : NamedCases(ranks)) {
    patterns.push_back(absl::StrCat("NcclConformance.", name));
  }
  return absl::StrJoin(patterns, ":");
}

std::vector<absl::Status> ShareStatuses(Store& store, absl::string_view key,
                                        int rank, int size,
                                        const absl::Status& own,
                                        absl::Duration timeout) {
  const auto key_of = [&](int who) {
    return absl::StrCat("ended/", key, "/", who);
  };
  const absl::Status told = store.Set(key_of(rank), Tell(own));
  std::vector<absl::Status> all;
  for (int who = 0; who < size; ++who) {
    all.push_back(told.ok() ? Told(store.Get(key_of(who), timeout))
                            : Told(told));
  }
  return all;
}

}  // namespace parley::gpu_check
