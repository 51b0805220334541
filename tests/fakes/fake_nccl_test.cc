// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Each rule of NCCL that the fake holds its caller to: a program that breaks it
// gives this diagnosis, and no other.
#include "parley/tests/fakes/fake_nccl.h"

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "parley/tests/fakes/nccl_scene.h"

namespace parley::fakes {
namespace {

struct Misuse {
  const char* name;
  std::vector<std::string> diagnoses;  // all of them, in order
  std::function<void(Scene&)> run;     // on both ranks
};

void PrintTo(const Misuse& misuse, std::ostream* out) { *out << misuse.name; }

class NcclMisuseTest : public ::testing::TestWithParam<Misuse> {};

TEST_P(NcclMisuseTest, IsDiagnosed) {
  const FakeReport report = RunScene({}, GetParam().run);
  ASSERT_EQ(report.diagnoses.size(), GetParam().diagnoses.size()) << report;
  for (const std::string& diagnosis : GetParam().diagnoses) {
    EXPECT_TRUE(report.Mentions(diagnosis)) << diagnosis << "\n" << report;
  }
}

// Lets only rank 0 do it.
std::function<void(Scene&)> OnRank0(const std::function<void(Scene&)>& run) {
  return [run](Scene& scene) {
    if (scene.rank.rank() == 0) run(scene);
  };
}

const Misuse kCallMisuses[] = {
    {"NoCommunicator",
     {"rank 0: ncclAllReduce: a handle that is no communicator"},
     OnRank0([](Scene& s) {
       EXPECT_EQ(
           s.nccl.AllReduce(s.x, s.x, 1, ncclInt32, ncclSum, nullptr, s.stream),
           ncclInvalidArgument);
     })},
    {"AfterAbort",
     {"rank 0: ncclCommAbort: comm 1, which was destroyed or aborted"},
     OnRank0([](Scene& s) {
       EXPECT_EQ(s.nccl.CommAbort(s.comm), ncclSuccess);
       EXPECT_EQ(s.nccl.CommAbort(s.comm), ncclInvalidArgument);
       s.comm = nullptr;
     })},
    {"NoStream",
     {"rank 0: ncclAllReduce: a handle that is no stream of this rank"},
     OnRank0([](Scene& s) {
       s.nccl.AllReduce(s.x, s.x, 1, ncclInt32, ncclSum, s.comm, nullptr);
     })},
    {"NoType",
     {"rank 0: ncclAllReduce: AllReduce of 1 no type, sum"},
     OnRank0([](Scene& s) {
       s.nccl.AllReduce(s.x, s.x, 1, ncclNumTypes, ncclSum, s.comm, s.stream);
     })},
    {"NoRoot",
     {"rank 0: ncclBroadcast: Broadcast of 1 int32 from root 2 on a "
      "communicator of 2"},
     OnRank0([](Scene& s) {
       s.nccl.Broadcast(s.x, s.x, 1, ncclInt32, 2, s.comm, s.stream);
     })},
    {"PageableBuffer",
     {"rank 0: ncclAllReduce: AllReduce of 1 int32, sum is given 4 bytes that "
      "are no memory"},
     OnRank0([](Scene& s) {
       int pageable = 0;
       s.AllReduce(&pageable, 1);
     })},
    {"BeyondTheEnd",
     {"rank 0: ncclAllReduce: AllReduce of 5 int32, sum is given 20 bytes at "
      "offset 0 of device memory 1 (16 bytes), beyond its end"},
     OnRank0([](Scene& s) { s.AllReduce(s.x, 5); })},
    {"EndWithoutStart",
     {"rank 0: ncclGroupEnd: without ncclGroupStart"},
     OnRank0([](Scene& s) { s.nccl.GroupEnd(); })},
    {"SplitInAGroup",
     {"rank 0: ncclCommSplit: inside a group"},
     OnRank0([](Scene& s) {
       s.nccl.GroupStart();
       ncclComm_t made = nullptr;
       s.nccl.CommSplit(s.comm, 0, 0, &made, nullptr);
       s.nccl.GroupEnd();
     })},
    {"ShrinkOfItself",
     {"rank 0: ncclCommShrink: a list of 1 ranks that rank 0 cannot exclude"},
     OnRank0([](Scene& s) {
       int excluded = 0;
       ncclComm_t made = nullptr;
       s.nccl.CommShrink(s.comm, &excluded, 1, &made, nullptr,
                         NCCL_SHRINK_DEFAULT);
     })},
    {"ConfigWithoutInitializer",
     {"rank 0: ncclCommInitRankConfig: a config that NCCL_CONFIG_INITIALIZER"},
     OnRank0([](Scene& s) {
       ncclUniqueId id;
       s.nccl.GetUniqueId(&id);
       ncclConfig_t config = {};
       ncclComm_t made = nullptr;
       EXPECT_EQ(s.nccl.CommInitRankConfig(&made, 1, id, 0, &config),
                 ncclInvalidArgument);
     })},
    {"MadeUpId",
     {"rank 0: comm 2: CommInitRankConfig with an id that GetUniqueId did not"},
     OnRank0([](Scene& s) {
       ncclUniqueId id = {};
       ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
       ncclComm_t made = nullptr;
       EXPECT_EQ(s.nccl.CommInitRankConfig(&made, 1, id, 0, &config),
                 ncclInvalidArgument);
       EXPECT_EQ(s.nccl.CommAbort(made), ncclSuccess);
     })},
    {"LeakedCommunicator",
     {"rank 0: leak: comm 1 is still there at the end",
      "rank 1: leak: comm 1 is still there at the end"},
     [](Scene& s) { s.comm = nullptr; }},
};

INSTANTIATE_TEST_SUITE_P(Calls, NcclMisuseTest,
                         ::testing::ValuesIn(kCallMisuses),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

const Misuse kStateMisuses[] = {
    // With some draws the first call is done when it returns.
    {"CallWhileInProgress",
     {"rank 0: ncclAllReduce: comm 1 is used before its last call has "
      "succeeded"},
     OnRank0([](Scene& s) {
       while (s.AllReduce(s.x, 1) != ncclInProgress) {
       }
       EXPECT_EQ(s.AllReduce(s.x, 1), ncclInvalidArgument);
       s.gpu.Ready(s.comm, ncclInProgress);
     })},
    {"StreamWhileInProgress",
     {"rank 0: cudaEventRecord: stream 1 is used while a communicator is still "
      "in progress"},
     OnRank0([](Scene& s) {
       while (s.AllReduce(s.x, 1) != ncclInProgress) {
       }
       s.rank.cuda.EventRecord(s.gpu.Event(), s.stream);
       s.gpu.Ready(s.comm, ncclInProgress);
     })},
    {"AfterFinalize",
     {"rank 0: ncclAllReduce: comm 1 is used after CommFinalize",
      "rank 1: ncclAllReduce: comm 1 is used after CommFinalize"},
     [](Scene& s) {
       s.gpu.Ready(s.comm, s.nccl.CommFinalize(s.comm));
       EXPECT_EQ(s.AllReduce(s.x, 1), ncclInvalidUsage);
     }},
    {"DestroyedInProgress",
     {"rank 0: ncclCommDestroy: comm 1 is still in progress"},
     OnRank0([](Scene& s) {
       EXPECT_EQ(s.nccl.CommFinalize(s.comm), ncclInProgress);
       EXPECT_EQ(s.nccl.CommDestroy(s.comm), ncclInvalidArgument);
     })},
    {"SplitWithOperationsInFlight",
     {"rank 0: ncclCommSplit: comm 1 has operations in flight: AllReduce of 1 "
      "int32, sum, call 1 on comm 1"},
     OnRank0([](Scene& s) {
       s.gpu.Ready(s.comm, s.AllReduce(s.x, 1));
       ncclComm_t made = nullptr;
       s.nccl.CommSplit(s.comm, 0, 0, &made, nullptr);
     })},
    {"SameRankTwice",
     {"comm 2: rank 0 of 2 comes where rank 0 of 2 has come"},
     [](Scene& s) {
       ncclUniqueId id;
       if (s.rank.rank() == 0) {
         s.nccl.GetUniqueId(&id);
         EXPECT_TRUE(
             s.rank.store.Set("twice", std::string(id.internal, sizeof(id)))
                 .ok());
       }
       const std::string value =
           s.rank.store.Get("twice", absl::Seconds(1)).value_or("");
       value.copy(id.internal, sizeof(id));
       ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
       config.blocking = 0;
       ncclComm_t made = nullptr;
       EXPECT_EQ(s.nccl.CommInitRankConfig(&made, 2, id, 0, &config),
                 ncclInProgress);
       s.gpu.Sleep(absl::Milliseconds(1));
       EXPECT_EQ(s.nccl.CommAbort(made), ncclSuccess);
     }},
    {"MixedGroup",
     {"rank 0: ncclAllReduce: blocking and non-blocking communicators in one "
      "group",
      "rank 1: ncclAllReduce: blocking and non-blocking communicators in one "
      "group"},
     [](Scene& s) {
       ncclComm_t blocking = nullptr;
       EXPECT_EQ(s.gpu.Init("mixed", true, &blocking), ncclSuccess);
       s.nccl.GroupStart();
       s.AllReduce(s.x, 1);
       s.nccl.AllReduce(s.x + 1, s.x + 1, 1, ncclInt32, ncclSum, blocking,
                        s.stream);
       EXPECT_EQ(s.nccl.GroupEnd(), ncclInvalidUsage);
       EXPECT_EQ(s.nccl.CommAbort(blocking), ncclSuccess);
     }},
    {"BlockingAbortInFlight",
     {"rank 0: ncclCommAbort: comm 2 is a blocking one with operations in "
      "flight"},
     [](Scene& s) {
       ncclComm_t blocking = nullptr;
       EXPECT_EQ(s.gpu.Init("blocking", true, &blocking), ncclSuccess);
       if (s.rank.rank() == 0) {
         EXPECT_EQ(s.nccl.AllReduce(s.x, s.x, 1, ncclInt32, ncclSum, blocking,
                                    s.stream),
                   ncclSuccess);
       }
       EXPECT_EQ(s.nccl.CommAbort(blocking), ncclSuccess);
     }},
};

INSTANTIATE_TEST_SUITE_P(States, NcclMisuseTest,
                         ::testing::ValuesIn(kStateMisuses),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

// Rank 0 writes to `touched` on another stream, having launched the operation
// that rank 1 comes to late.
void TouchInFlight(Scene& s, int* from, int* to, int* touched) {
  if (s.rank.rank() == 1) s.gpu.Sleep(absl::Milliseconds(5));
  s.gpu.Ready(s.comm, s.nccl.AllReduce(from, to, 1, ncclInt32, ncclSum, s.comm,
                                       s.stream));
  if (s.rank.rank() == 0) {
    s.gpu.Sleep(absl::Milliseconds(1));
    s.gpu.Add(touched, 1, 1, s.gpu.Stream());
  }
  EXPECT_TRUE(s.gpu.Wait(s.stream));
}

const Misuse kBufferMisuses[] = {
    {"InputTouched",
     {"rank 0: AllReduce of 1 int32, sum, call 1 on comm 1: the input of "
      "AllReduce of 1 int32, sum was touched while"},
     [](Scene& s) { TouchInFlight(s, s.x, s.x + 1, s.x); }},
    {"OutputTouched",
     {"rank 0: AllReduce of 1 int32, sum, call 1 on comm 1: the output of "
      "AllReduce of 1 int32, sum was touched while"},
     [](Scene& s) { TouchInFlight(s, s.x, s.x + 1, s.x + 1); }},
    {"BuffersOverlap",
     {"rank 0: AllReduce of 2 int32, sum, call 1 on comm 1: AllReduce of 2 "
      "int32, sum has buffers that overlap"},
     OnRank0([](Scene& s) {
       s.gpu.Ready(s.comm, s.nccl.AllReduce(s.x, s.x + 1, 2, ncclInt32, ncclSum,
                                            s.comm, s.stream));
       s.gpu.Sleep(absl::Milliseconds(1));
     })},
    {"BuffersOfAGroupOverlap",
     {"rank 0: group of 2 (AllReduce of 2 int32, sum, ...), call 1 on comm 1: "
      "buffers of AllReduce of 2 int32, sum and AllReduce of 1 int32, sum "
      "overlap"},
     OnRank0([](Scene& s) {
       s.nccl.GroupStart();
       s.AllReduce(s.x, 2);
       s.AllReduce(s.x + 1, 1);
       s.gpu.Ready(s.comm, s.nccl.GroupEnd());
       s.gpu.Sleep(absl::Milliseconds(1));
     })},
};

INSTANTIATE_TEST_SUITE_P(Buffers, NcclMisuseTest,
                         ::testing::ValuesIn(kBufferMisuses),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

// Both answers of a non-blocking call occur, so callers must handle both.
TEST(FakeNcclTest, NonBlockingCallsMayOrMayNotBeDone) {
  int in_progress = 0;
  RunOnFakes({.ranks = 1}, {}, [&in_progress](FakeRank& rank) -> absl::Status {
    GpuUser gpu(rank);
    cudaStream_t stream = gpu.Stream();
    ncclComm_t comm = gpu.Comm();
    int* x = gpu.Device<int>({1}, stream);
    for (int i = 0; i < 40; ++i) {
      const ncclResult_t returned =
          rank.nccl.AllReduce(x, x, 1, ncclInt32, ncclSum, comm, stream);
      in_progress += returned == ncclInProgress ? 1 : 0;
      gpu.Ready(comm, returned);
    }
    EXPECT_TRUE(gpu.Wait(stream));
    gpu.Close(comm);
    return absl::OkStatus();
  });
  EXPECT_GT(in_progress, 5);
  EXPECT_LT(in_progress, 35);
}

}  // namespace
}  // namespace parley::fakes
