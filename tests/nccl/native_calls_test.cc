// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What a meeting with Reduction::kNative asks of NCCL, by a table that counts:
// one ncclSum per bucket, in place and in a group of its own, and nothing else
// that moves parameters.
#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "parley/averaging/model_averager.h"
#include "parley/averaging/parameters.h"
#include "parley/averaging/plan.h"
#include "parley/base/status_macros.h"
#include "parley/device/testing/device_array.h"
#include "parley/tests/fakes/fake_nccl.h"
#include "parley/tests/nccl/nccl_world.h"

namespace parley::testing {
namespace {

NcclApi Real() { return fakes::FakeNcclApi(22809); }

// Calls on float32 tensors, of all ranks.
std::atomic<int> sums{0};
std::atomic<int> sums_in_place{0};
std::atomic<int> sums_alone_in_a_group{0};
std::atomic<int64_t> summed{0};  // elements
std::atomic<int> others{0};

// Of the thread that calls NCCL for a rank.
thread_local int depth = 0;
thread_local int calls_in_group = 0;
thread_local int sums_in_group = 0;

void Note(ncclDataType_t type) {
  ++calls_in_group;
  if (type == ncclFloat32) ++others;
}

void Count(NcclApi& api) {
  api.GroupStart = [] {
    if (depth++ == 0) calls_in_group = sums_in_group = 0;
    return Real().GroupStart();
  };
  api.GroupEnd = [] {
    if (--depth == 0 && calls_in_group == 1 && sums_in_group == 1) {
      ++sums_alone_in_a_group;
    }
    return Real().GroupEnd();
  };
  api.AllReduce = [](const void* from, void* to, size_t count,
                     ncclDataType_t type, ncclRedOp_t op, ncclComm_t comm,
                     cudaStream_t stream) {
    ++calls_in_group;
    if (type == ncclFloat32 && op == ncclSum) {
      ++sums;
      ++sums_in_group;
      sums_in_place += from == to;
      summed += static_cast<int64_t>(count);
    } else if (type == ncclFloat32) {
      ++others;
    }
    return Real().AllReduce(from, to, count, type, op, comm, stream);
  };
  api.AllGather = [](const void* from, void* to, size_t count,
                     ncclDataType_t type, ncclComm_t comm,
                     cudaStream_t stream) {
    Note(type);
    return Real().AllGather(from, to, count, type, comm, stream);
  };
  api.Send = [](const void* from, size_t count, ncclDataType_t type, int peer,
                ncclComm_t comm, cudaStream_t stream) {
    Note(type);
    return Real().Send(from, count, type, peer, comm, stream);
  };
  api.Recv = [](void* to, size_t count, ncclDataType_t type, int peer,
                ncclComm_t comm, cudaStream_t stream) {
    Note(type);
    return Real().Recv(to, count, type, peer, comm, stream);
  };
}

TEST(NativeCallsTest, OneSumInPlaceForEachBucket) {
  constexpr int kRanks = 3;
  constexpr int kMeetings = 2;
  std::atomic<int> buckets{0};  // of all ranks
  NcclWorldOptions options;
  options.decorate_nccl = Count;
  const fakes::FakeReport report = RunOnNccl(
      {.ranks = kRanks}, options, [&](sim::RankContext& rank) -> absl::Status {
        Communicator& comm = rank.communicator();
        const auto mine = static_cast<float>(rank.rank());
        const DeviceArray<float> large(comm.device(), 5000, mine);
        const DeviceArray<float> small(comm.device(), 11, mine);
        PARLEY_ASSIGN_OR_RETURN(
            ParameterSet parameters,
            ParameterSet::Create({{.parameters = {{"large", large.view()},
                                                  {"small", small.view()}}}}));
        PARLEY_ASSIGN_OR_RETURN(
            const auto averager,
            ModelAverager::Create({.communicator = &comm,
                                   .parameters = std::move(parameters),
                                   .schedule = PeriodicSchedule({.period = 1}),
                                   .max_extra_bytes = 20'000,
                                   .reduction = Reduction::kNative}));
        buckets += static_cast<int>(averager->plan().buckets().size());
        for (int meeting = 0; meeting < kMeetings; ++meeting) {
          PARLEY_RETURN_IF_ERROR(averager->Step().status());
        }
        EXPECT_EQ(large[4999], 1);
        EXPECT_EQ(small[10], 1);
        return absl::OkStatus();
      });
  ASSERT_TRUE(report.clean()) << report;
  EXPECT_GE(buckets, 3 * kRanks);
  EXPECT_EQ(sums, kMeetings * buckets);
  EXPECT_EQ(sums_in_place, sums);
  EXPECT_EQ(sums_alone_in_a_group, sums);
  EXPECT_EQ(summed, kMeetings * kRanks * 5011);
  EXPECT_EQ(others, 0);
}

}  // namespace
}  // namespace parley::testing
