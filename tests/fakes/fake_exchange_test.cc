// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Which operations end together: what differs between ranks is told, and what
// the real library lets hang, hangs.
#include <functional>
#include <ostream>
#include <string>

#include "gtest/gtest.h"
#include "parley/tests/fakes/nccl_scene.h"

namespace parley::fakes {
namespace {

struct Mismatched {
  const char* name;
  const char* difference;
  std::function<ncclResult_t(Scene&)> call;  // on both ranks
};

void PrintTo(const Mismatched& mismatch, std::ostream* out) {
  *out << mismatch.name;
}

class MismatchTest : public ::testing::TestWithParam<Mismatched> {};

// All ranks are told, and the operation never ends.
TEST_P(MismatchTest, IsReported) {
  const FakeReport report = RunScene({}, [](Scene& s) {
    ncclResult_t ended = s.gpu.Settle(s.comm, GetParam().call(s));
    s.gpu.Sleep(absl::Milliseconds(1));
    if (ended == ncclSuccess) {
      EXPECT_EQ(s.nccl.CommGetAsyncError(s.comm, &ended), ncclSuccess);
    }
    EXPECT_EQ(ended, ncclInvalidUsage);
    EXPECT_EQ(s.nccl.GetLastError(s.comm),
              std::string("calls differ: ") + GetParam().difference);
    EXPECT_EQ(s.rank.cuda.StreamQuery(s.stream), cudaErrorNotReady);
    s.rank.cuda.GetLastError();
  });
  EXPECT_TRUE(report.Mentions(GetParam().difference)) << report;
  EXPECT_EQ(report.diagnoses.size(), 2u) << report;
}

TEST_P(MismatchTest, OrHangsAsTheRealLibraryDoes) {
  FakeOptions options;
  options.mismatch = Mismatch::kHang;
  const FakeReport report = RunScene(options, [](Scene& s) {
    EXPECT_EQ(s.gpu.Settle(s.comm, GetParam().call(s)), ncclSuccess);
    s.gpu.Sleep(absl::Milliseconds(1));
    ncclResult_t state = ncclInProgress;
    EXPECT_EQ(s.nccl.CommGetAsyncError(s.comm, &state), ncclSuccess);
    EXPECT_EQ(state, ncclSuccess);
    EXPECT_EQ(s.rank.cuda.StreamQuery(s.stream), cudaErrorNotReady);
    s.rank.cuda.GetLastError();
  });
  EXPECT_TRUE(report.Mentions(GetParam().difference)) << report;
}

INSTANTIATE_TEST_SUITE_P(
    Nccl, MismatchTest,
    ::testing::Values(
        Mismatched{
            "Count", "count: 1 on rank 0, 2 on rank 1",
            [](Scene& s) { return s.AllReduce(s.x, 1 + s.rank.rank()); }},
        Mismatched{"Type", "type: int32 on rank 0, float32 on rank 1",
                   [](Scene& s) {
                     return s.nccl.AllReduce(
                         s.x, s.x, 1,
                         s.rank.rank() == 0 ? ncclInt32 : ncclFloat32, ncclSum,
                         s.comm, s.stream);
                   }},
        Mismatched{"Operator", "operator: sum on rank 0, max on rank 1",
                   [](Scene& s) {
                     return s.nccl.AllReduce(
                         s.x, s.x, 1, ncclInt32,
                         s.rank.rank() == 0 ? ncclSum : ncclMax, s.comm,
                         s.stream);
                   }},
        Mismatched{"Root", "root: 0 on rank 0, 1 on rank 1",
                   [](Scene& s) {
                     return s.nccl.Broadcast(s.x, s.x, 1, ncclInt32,
                                             s.rank.rank(), s.comm, s.stream);
                   }},
        Mismatched{"Operation",
                   "operation: AllReduce on rank 0, Broadcast on rank 1",
                   [](Scene& s) {
                     return s.rank.rank() == 0
                                ? s.AllReduce(s.x, 1)
                                : s.nccl.Broadcast(s.x, s.x, 1, ncclInt32, 0,
                                                   s.comm, s.stream);
                   }},
        Mismatched{
            "Message", "count: 1 on rank 0, 2 on rank 1",
            [](Scene& s) {
              return s.rank.rank() == 0
                         ? s.nccl.Send(s.x, 1, ncclInt32, 1, s.comm, s.stream)
                         : s.nccl.Recv(s.x, 2, ncclInt32, 0, s.comm, s.stream);
            }}),
    [](const auto& info) { return std::string(info.param.name); });

// Programs that the real library lets hang: nothing ends by itself.
struct Hanging {
  const char* name;
  std::function<void(Scene&)> run;
};

void PrintTo(const Hanging& hanging, std::ostream* out) {
  *out << hanging.name;
}

class HangTest : public ::testing::TestWithParam<Hanging> {};

TEST_P(HangTest, Hangs) {
  const FakeReport report = RunScene({}, [](Scene& s) {
    GetParam().run(s);
    s.gpu.Sleep(absl::Milliseconds(10));
    EXPECT_EQ(s.rank.cuda.StreamQuery(s.stream), cudaErrorNotReady);
    s.rank.cuda.GetLastError();
  });
  EXPECT_TRUE(report.clean()) << report;
}

INSTANTIATE_TEST_SUITE_P(
    Nccl, HangTest,
    ::testing::Values(
        Hanging{"SendWithoutRecv",
                [](Scene& s) {
                  s.gpu.Ready(s.comm,
                              s.nccl.Send(s.x, 1, ncclInt32, 1 - s.rank.rank(),
                                          s.comm, s.stream));
                }},
        // Both receive first, and send in a group that comes later.
        Hanging{"RecvBeforeSend",
                [](Scene& s) {
                  const int peer = 1 - s.rank.rank();
                  s.gpu.Ready(s.comm, s.nccl.Recv(s.x, 1, ncclInt32, peer,
                                                  s.comm, s.stream));
                  s.gpu.Ready(s.comm, s.nccl.Send(s.x + 1, 1, ncclInt32, peer,
                                                  s.comm, s.stream));
                }},
        Hanging{"GroupsOfDifferentSize",
                [](Scene& s) {
                  if (s.rank.rank() == 0) s.nccl.GroupStart();
                  ncclResult_t last = ncclSuccess;
                  for (int i = 0; i < 2; ++i) {
                    last = s.AllReduce(s.x + i, 1);
                    if (s.rank.rank() == 1) s.gpu.Ready(s.comm, last);
                  }
                  if (s.rank.rank() == 0) last = s.nccl.GroupEnd();
                  s.gpu.Ready(s.comm, last);
                }}),
    [](const auto& info) { return std::string(info.param.name); });

// Two communicators in opposite order: each device runs one kernel at a time.
TEST(FakeNcclTest, CommunicatorsInDifferentOrderHang) {
  for (const bool same_order : {true, false}) {
    const FakeReport report = RunScene({}, [same_order](Scene& s) {
      ncclComm_t other = s.gpu.Comm();
      cudaStream_t stream = s.gpu.Stream();
      const auto first = [&] { s.gpu.Ready(s.comm, s.AllReduce(s.x, 1)); };
      const auto second = [&] {
        s.gpu.Ready(other, s.nccl.AllReduce(s.x + 1, s.x + 1, 1, ncclInt32,
                                            ncclSum, other, stream));
      };
      if (same_order || s.rank.rank() == 0) {
        first();
        second();
      } else {
        second();
        first();
      }
      s.gpu.Sleep(absl::Milliseconds(10));
      for (cudaStream_t each : {s.stream, stream}) {
        EXPECT_EQ(s.rank.cuda.StreamQuery(each),
                  same_order ? cudaSuccess : cudaErrorNotReady);
      }
      s.rank.cuda.GetLastError();
      s.nccl.GroupStart();
      s.nccl.CommAbort(s.comm);
      s.nccl.CommAbort(other);
      EXPECT_EQ(s.nccl.GroupEnd(), ncclSuccess);
      s.comm = nullptr;
      EXPECT_TRUE(s.gpu.Wait(stream));
    });
    EXPECT_TRUE(report.clean()) << report;
  }
}

}  // namespace
}  // namespace parley::fakes
