// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What one rank does when NCCL or CUDA fail: statuses, lifetimes, which calls
// are made and by which thread. What ranks exchange is tested over the fakes.
#include "parley/comm/nccl/nccl_communicator.h"

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/base/hash.h"
#include "parley/comm/lost_ranks.h"
#include "parley/comm/nccl/abort.h"
#include "parley/comm/nccl/tables_for_tests.h"

namespace parley {
namespace {

using ::parley::testing::MapStore;
using ::parley::testing::TestMachine;
using ::testing::HasSubstr;

constexpr absl::Duration kShort = absl::Milliseconds(30);

class NcclCommunicatorTest : public ::testing::Test {
 protected:
  NcclCommunicatorTest() {
    auto device = CudaDevice::Create(machine_.cuda(), machine_.kernels(), 0);
    device_ = *std::move(device);
    stream_ = *device_->CreateCudaStream();
  }

  NcclOptions Options() {
    NcclOptions options;
    options.nccl = &machine_.nccl();
    options.device = device_.get();
    options.timeout = absl::Seconds(20);
    options.abort_timeout = absl::Seconds(20);
    return options;
  }

  // Rank 0 of `size`. The tables need no peers, and the store is told that they
  // came.
  NcclOptions Options(int size) {
    NcclOptions options = Options();
    options.size = size;
    options.store = &store_;
    options.progress_interval = absl::Milliseconds(5);
    for (int rank = 1; rank < size; ++rank) {
      EXPECT_TRUE(
          store_.Set(absl::StrCat("world/0/create/member/", rank), "1 ").ok());
    }
    return options;
  }

  std::unique_ptr<NcclCommunicator> Make(const NcclOptions& options) {
    auto made = NcclCommunicator::Create(options);
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? *std::move(made) : nullptr;
  }

  TensorView View(std::vector<float>& values) {
    return TensorView(values.data(), DType::kFloat32,
                      static_cast<int64_t>(values.size()), device_->id());
  }

  absl::Status WaitBarrier(Communicator& comm, const CallOptions& options = {},
                           absl::Duration wait = absl::InfiniteDuration()) {
    absl::StatusOr<Work> work = comm.Barrier(*stream_, options);
    return work.ok() ? work->WaitHost(wait) : work.status();
  }

  void ExpectStatus(const absl::Status& status, absl::StatusCode code,
                    const std::string& text) {
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  }

  TestMachine machine_;
  MapStore store_;
  std::unique_ptr<CudaDevice> device_;
  std::unique_ptr<CudaStream> stream_;
};

TEST_F(NcclCommunicatorTest, OptionsAreChecked) {
  const auto refuses = [&](const NcclOptions& options,
                           const std::string& text) {
    ExpectStatus(NcclCommunicator::Create(options).status(),
                 absl::StatusCode::kInvalidArgument, text);
  };
  NcclOptions options = Options();
  options.nccl = nullptr;
  refuses(options, "nccl is null");
  options = Options();
  options.device = nullptr;
  refuses(options, "device is null");
  options = Options();
  options.rank = 1;
  refuses(options, "rank is 1 of 1");
  options = Options();
  options.size = 2;
  refuses(options, "store is null, with 2 ranks");
  options = Options();
  options.abort_timeout = absl::ZeroDuration();
  refuses(options, "abort_timeout is 0");
  EXPECT_EQ(machine_.OwnerThreads(), 0u);
}

TEST_F(NcclCommunicatorTest, OneThreadMakesUsesAndDestroysIt) {
  {
    auto comm = Make(Options());
    EXPECT_EQ(comm->ToString(), "nccl 2.28.9");
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(WaitBarrier(*comm).ok());
    auto child = comm->Split({0});
    ASSERT_TRUE(child.ok()) << child.status();
    EXPECT_TRUE(WaitBarrier(**child).ok());
  }
  EXPECT_EQ(machine_.OwnerThreads(), 1u);
  EXPECT_EQ(machine_.Count("a blocking communicator"), 0);
  EXPECT_EQ(machine_.Count("ncclCommInitRankConfig"), 1);
  EXPECT_EQ(machine_.Count("ncclCommSplit"), 1);
  EXPECT_EQ(machine_.Count("ncclCommFinalize"), 2);
  EXPECT_EQ(machine_.Count("ncclCommDestroy"), 2);
  EXPECT_EQ(machine_.Count("ncclCommAbort"), 0);
}

TEST_F(NcclCommunicatorTest, InitErrorHasNcclsOwnText) {
  machine_.init_result = ncclUnhandledCudaError;
  const absl::Status status = NcclCommunicator::Create(Options()).status();
  ExpectStatus(status, absl::StatusCode::kInternal, "the library's own words");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("ncclCommInitRankConfig of world/0, rank 0"));
  // NCCL gave nothing that could be aborted or destroyed.
  EXPECT_EQ(machine_.Count("ncclCommAbort"), 0);
  EXPECT_EQ(machine_.Count("ncclCommFinalize"), 0);
}

TEST_F(NcclCommunicatorTest, InitThatHangsEndsInTimeAndIsAborted) {
  machine_.init_hangs = true;
  NcclOptions options = Options();
  options.timeout = kShort;
  ExpectStatus(NcclCommunicator::Create(options).status(),
               absl::StatusCode::kDeadlineExceeded, "still in progress");
  EXPECT_EQ(machine_.Count("ncclCommAbort"), 1);
}

TEST_F(NcclCommunicatorTest, PeerWhoseInitFailsIsQuoted) {
  machine_.init_hangs = true;
  ASSERT_TRUE(store_.Set("world/0/notice", "3 2 0 - no such network").ok());
  ExpectStatus(NcclCommunicator::Create(Options(3)).status(),
               absl::StatusCode::kUnavailable,
               "rank 2 failed: no such network");
  EXPECT_EQ(machine_.Count("ncclCommAbort"), 1);
}

TEST_F(NcclCommunicatorTest, WhoDoesNotComeToCreateIsNamed) {
  NcclOptions options = Options(4);
  options.name = "other";
  options.timeout = kShort;
  ASSERT_TRUE(store_.Set("other/0/create/member/2", "1 ").ok());
  const absl::Status status = NcclCommunicator::Create(options).status();
  ExpectStatus(status, absl::StatusCode::kDeadlineExceeded,
               "ranks 1 and 3 did not come");
  EXPECT_EQ(LostRanks(status), (std::vector<int>{1, 3}));
  EXPECT_EQ(machine_.Count("ncclCommInitRankConfig"), 0);
}

TEST_F(NcclCommunicatorTest, TimeoutAbortsAndNamesWhoHadNotArrived) {
  auto comm = Make(Options(3));
  machine_.operations_hang = true;
  // Rank 1 waits for the same barrier, rank 2 has told nothing.
  ASSERT_TRUE(store_.Set("world/0/progress/1", "2").ok());
  const absl::Status status = WaitBarrier(*comm, {.timeout = kShort});
  ExpectStatus(status, absl::StatusCode::kDeadlineExceeded,
               "#1 Barrier of world/0 is not complete");
  EXPECT_THAT(std::string(status.message()), HasSubstr("arrived: rank 2"));
  EXPECT_EQ(LostRanks(status), std::vector<int>{2});
  EXPECT_EQ(machine_.Count("ncclCommAbort"), 1);
  EXPECT_TRUE(comm->aborted());
  ExpectStatus(WaitBarrier(*comm), absl::StatusCode::kFailedPrecondition,
               "#1 Barrier of world/0 is not complete");
  comm.reset();
  // It has been aborted: nothing may touch it any more.
  EXPECT_EQ(machine_.Count("ncclCommAbort"), 1);
  EXPECT_EQ(machine_.Count("ncclCommFinalize"), 0);
}

TEST_F(NcclCommunicatorTest, HostTimeoutNamesAndLeavesTheOperationAlone) {
  auto comm = Make(Options(3));
  ASSERT_TRUE(store_.Set("world/0/progress/2", "2").ok());
  machine_.operations_hang = true;
  const absl::Status status = WaitBarrier(*comm, {}, kShort);
  ExpectStatus(status, absl::StatusCode::kDeadlineExceeded,
               "not known to have arrived: rank 1");
  EXPECT_FALSE(comm->aborted());
  machine_.operations_hang = false;
  ++machine_.generation;  // it ends
}

// What waits for earlier work on its stream does not use up its timeout.
TEST_F(NcclCommunicatorTest, TimeoutCountsFromTheStart) {
  auto comm = Make(Options());
  machine_.stream_is_busy = true;
  auto work = comm->Barrier(*stream_, {.timeout = absl::Milliseconds(20)});
  ASSERT_TRUE(work.ok());
  machine_.stream_is_busy = false;
  ExpectStatus(work->WaitHost(absl::Milliseconds(60)),
               absl::StatusCode::kDeadlineExceeded, "of waiting");
  EXPECT_FALSE(comm->aborted());
  // But not for ever: ten times the timeout.
  ExpectStatus(work->WaitHost(), absl::StatusCode::kDeadlineExceeded,
               "has not started, for what is before it on its stream");
  EXPECT_TRUE(comm->aborted());
}

TEST_F(NcclCommunicatorTest, PeerThatLeftIsNoticed) {
  auto comm = Make(Options(3));
  machine_.operations_hang = true;
  auto first = comm->Barrier(*stream_);
  ASSERT_TRUE(first.ok());
  // It took part in number 1, and nothing is wrong with that.
  ASSERT_TRUE(store_.Set("world/0/notice", "0 2 2 - ").ok());
  ExpectStatus(first->WaitHost(kShort), absl::StatusCode::kDeadlineExceeded,
               "of waiting");
  EXPECT_FALSE(comm->aborted());
  ASSERT_TRUE(store_.Set("world/0/notice", "0 2 1 - ").ok());
  const absl::Status status = first->WaitHost();
  ExpectStatus(status, absl::StatusCode::kUnavailable,
               "rank 2 has left after 1 operations");
  EXPECT_EQ(LostRanks(status), std::vector<int>{2});
}

TEST_F(NcclCommunicatorTest, PeerThatAbortedIsQuoted) {
  auto comm = Make(Options(2));
  machine_.operations_hang = true;
  ASSERT_TRUE(store_.Set("world/0/notice", "1 1 1 - operator said stop").ok());
  const absl::Status status = WaitBarrier(*comm);
  ExpectStatus(status, absl::StatusCode::kUnavailable,
               "rank 1 aborted: operator said stop");
  EXPECT_EQ(LostRanks(status), std::vector<int>());
}

// Who hears first that a peer is gone does not know yet which; so each who
// hears of that finds out for itself.
TEST_F(NcclCommunicatorTest, PeerThatLostAPeerIsQuotedAndTheLostIsNamed) {
  auto comm = Make(Options(4));
  machine_.operations_hang = true;
  for (const int rank : {1, 3}) {
    ASSERT_TRUE(store_.Set(absl::StrCat("world/0/progress/", rank), "2").ok());
  }
  ASSERT_TRUE(store_.Set("world/0/notice", "4 1 2 - remote error").ok());
  const absl::Status status = WaitBarrier(*comm);
  ExpectStatus(status, absl::StatusCode::kUnavailable,
               "rank 1 lost a peer: remote error; had not arrived: rank 2");
  EXPECT_EQ(LostRanks(status), std::vector<int>{2});
}

TEST_F(NcclCommunicatorTest, AHangingAbortKeepsWhomTheFailureIsAbout) {
  NcclOptions options = Options(3);
  options.abort_timeout = kShort;
  auto comm = Make(options);
  machine_.operations_hang = true;
  machine_.abort_hangs = true;
  auto work = comm->Barrier(*stream_);
  ASSERT_TRUE(work.ok());
  comm->Abort(WithLostRanks(absl::UnavailableError("gone"), {2}));
  const absl::Status status = work->WaitHost();
  ExpectStatus(status, absl::StatusCode::kCancelled, "wedged");
  EXPECT_EQ(LostRanks(status), std::vector<int>{2});
  comm.reset();
  machine_.Release();
  EXPECT_EQ(nccl::JoinQuarantinedThreads(), 1);
}

TEST_F(NcclCommunicatorTest, AsyncErrorFailsTheOperation) {
  auto comm = Make(Options());
  machine_.operations_hang = true;
  auto work = comm->Barrier(*stream_);
  ASSERT_TRUE(work.ok());
  EXPECT_FALSE(work->IsDone());
  machine_.async_error = ncclInternalError;
  ExpectStatus(work->WaitHost(), absl::StatusCode::kInternal,
               "#1 Barrier of world/0");
  ExpectStatus(work->WaitHost(), absl::StatusCode::kInternal,
               "the library's own words");
  EXPECT_TRUE(work->IsDone());
  EXPECT_EQ(machine_.Count("ncclCommAbort"), 1);
}

// A group that was opened is closed, and no other thread's calls land in it.
TEST_F(NcclCommunicatorTest, ErrorInsideAGroupClosesIt) {
  auto comm = Make(Options(2));
  std::vector<float> send(8), recv(8);
  const int before = machine_.Count("ncclGroupEnd");
  machine_.send_result = ncclInvalidArgument;
  auto work = comm->AllToAll({View(send)}, {View(recv)}, *stream_);
  ASSERT_TRUE(work.ok());
  ExpectStatus(work->WaitHost(), absl::StatusCode::kInvalidArgument,
               "ncclSend");
  EXPECT_EQ(machine_.Count("ncclGroupEnd"), before + 1);
  EXPECT_EQ(machine_.Count("ncclGroupStart"), machine_.Count("ncclGroupEnd"));
}

TEST_F(NcclCommunicatorTest, AbortEndsItAndItsChildren) {
  auto comm = Make(Options());
  auto child = comm->Split({0});
  ASSERT_TRUE(child.ok());
  machine_.operations_hang = true;
  auto own = comm->Barrier(*stream_);
  auto below = (*child)->Barrier(*stream_);
  ASSERT_TRUE(own.ok() && below.ok());
  comm->Abort(absl::CancelledError("enough"));
  comm->Abort(absl::CancelledError("again"));
  EXPECT_TRUE(comm->aborted());
  ExpectStatus(own->WaitHost(), absl::StatusCode::kCancelled, "enough");
  ExpectStatus(below->WaitHost(), absl::StatusCode::kCancelled,
               "world/0 was aborted: enough");
  EXPECT_TRUE((*child)->aborted());
  EXPECT_EQ(machine_.Count("ncclCommAbort"), 2);
  ExpectStatus(WaitBarrier(*comm), absl::StatusCode::kFailedPrecondition,
               "enough");
  ExpectStatus(WaitBarrier(**child), absl::StatusCode::kFailedPrecondition,
               "enough");
}

TEST_F(NcclCommunicatorTest, AbortThatHangsWedgesIt) {
  NcclOptions options = Options();
  options.abort_timeout = kShort;
  auto comm = Make(options);
  machine_.operations_hang = true;
  machine_.abort_hangs = true;
  auto work = comm->Barrier(*stream_);
  ASSERT_TRUE(work.ok());
  comm->Abort(absl::CancelledError("enough"));
  const absl::Status status = work->WaitHost();
  ExpectStatus(status, absl::StatusCode::kCancelled, "enough");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("wedged, its buffers may still be written, and the "
                        "process must exit"));
  EXPECT_TRUE(comm->wedged());
  ExpectStatus(comm->Shrink({}).status(), absl::StatusCode::kFailedPrecondition,
               "the process must exit");
  comm.reset();  // in bounded time
  EXPECT_EQ(machine_.Count("ncclCommAbort"), 1);
  machine_.Release();
  EXPECT_EQ(nccl::JoinQuarantinedThreads(), 1);
}

TEST_F(NcclCommunicatorTest, OwnerThatHangsIsFoundByItsCallers) {
  NcclOptions options = Options();
  options.abort_timeout = kShort;
  auto comm = Make(options);
  machine_.group_end_hangs = true;
  auto work = comm->Barrier(*stream_);
  ASSERT_TRUE(work.ok()) << work.status();
  ExpectStatus(work->WaitHost(), absl::StatusCode::kDeadlineExceeded,
               "thread hangs in a call");
  EXPECT_TRUE(comm->wedged());
  ExpectStatus(WaitBarrier(*comm), absl::StatusCode::kFailedPrecondition,
               "the process must exit");
  ExpectStatus(comm->Shrink({}).status(), absl::StatusCode::kFailedPrecondition,
               "the process must exit");
  comm.reset();
  // Whenever the call comes back, the thread ends, and makes no other.
  const size_t calls = machine_.Calls().size();
  machine_.Release();
  EXPECT_EQ(nccl::JoinQuarantinedThreads(), 1);
  EXPECT_EQ(machine_.Calls().size(), calls);
}

TEST_F(NcclCommunicatorTest, FinalizeThatHangsBecomesAnAbort) {
  NcclOptions options = Options();
  options.abort_timeout = kShort;
  auto comm = Make(options);
  machine_.finalize_hangs = true;
  comm.reset();
  EXPECT_EQ(machine_.Count("ncclCommFinalize"), 1);
  EXPECT_EQ(machine_.Count("ncclCommAbort"), 1);
  EXPECT_EQ(machine_.Count("ncclCommDestroy"), 0);
}

TEST_F(NcclCommunicatorTest, WorkOutlivesItsCommunicator) {
  Work done, failed;
  {
    auto comm = Make(Options());
    done = *comm->Barrier(*stream_);
    machine_.operations_hang = true;
    failed = *comm->Barrier(*stream_);
    comm->Abort(absl::CancelledError("enough"));
  }
  EXPECT_TRUE(done.WaitHost().ok());
  ExpectStatus(failed.WaitHost(), absl::StatusCode::kCancelled, "enough");
}

TEST_F(NcclCommunicatorTest, FailedStreamFailsWhatComesBehind) {
  auto comm = Make(Options());
  stream_->Fail(absl::DataLossError("a kernel failed"));
  const absl::Status status = WaitBarrier(*comm);
  ExpectStatus(status, absl::StatusCode::kDataLoss, "a kernel failed");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("did not reach its call"));
  EXPECT_EQ(stream_->WaitHost(absl::InfiniteDuration()).code(),
            absl::StatusCode::kDataLoss);
}

// What another communicator enqueues behind a failed operation would work on
// what did not arrive.
TEST_F(NcclCommunicatorTest, FailedOperationFailsWhatOthersEnqueueBehindIt) {
  auto comm = Make(Options());
  auto child = comm->Split({0});
  ASSERT_TRUE(child.ok());
  machine_.operations_hang = true;
  ExpectStatus(WaitBarrier(**child, {.timeout = kShort}),
               absl::StatusCode::kDeadlineExceeded, "is not complete");
  machine_.operations_hang = false;
  ExpectStatus(WaitBarrier(*comm), absl::StatusCode::kDeadlineExceeded,
               "did not reach its call");
  EXPECT_EQ(stream_->WaitHost(absl::InfiniteDuration()).code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_F(NcclCommunicatorTest, OperationsAreOrderedAcrossStreamsByEvents) {
  auto comm = Make(Options());
  auto child = comm->Split({0});
  ASSERT_TRUE(child.ok());
  auto other = *device_->CreateCudaStream();
  machine_.operations_hang = true;
  ASSERT_TRUE(comm->Barrier(*stream_).ok());
  const int before = machine_.Count("cudaStreamWaitEvent");
  ASSERT_TRUE(comm->Barrier(*stream_).ok());
  EXPECT_EQ(machine_.Count("cudaStreamWaitEvent"), before);
  ASSERT_TRUE(comm->Barrier(*other).ok());
  EXPECT_EQ(machine_.Count("cudaStreamWaitEvent"), before + 1);
  ASSERT_TRUE((*child)->Barrier(*stream_).ok());
  EXPECT_EQ(machine_.Count("cudaStreamWaitEvent"), before + 2);
  comm->Abort(absl::CancelledError("the end"));
}

TEST_F(NcclCommunicatorTest, SplitChecksTheSizeThatNcclMade) {
  auto comm = Make(Options());
  machine_.count_is = 3;
  ExpectStatus(comm->Split({0}).status(), absl::StatusCode::kInvalidArgument,
               "of 3 members, expected 1");
  EXPECT_EQ(machine_.Count("ncclCommAbort"), 1);  // of the new one
  EXPECT_FALSE(comm->aborted());
}

// `rank` comes to Shrink({excluded}), and can do as much as `ability` says.
void SetSurvivor(MapStore& store, uint64_t excluded, int rank,
                 const std::string& ability) {
  const uint64_t hash = HashCombine(/*count=*/1, excluded);
  ASSERT_TRUE(store
                  .Set(absl::StrCat("world/0/shrink", absl::Hex(hash),
                                    "/member/", rank),
                       absl::StrCat("1 ", ability))
                  .ok());
}

TEST_F(NcclCommunicatorTest, ShrinkUsesNcclWhereAllSurvivorsCan) {
  auto comm = Make(Options(3));
  SetSurvivor(store_, /*excluded=*/2, /*rank=*/1, "default");
  auto rest = comm->Shrink({2});
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ((*rest)->size(), 2);
  EXPECT_EQ(machine_.Count("ncclCommShrink"), 1);
  EXPECT_EQ(machine_.Count("ncclCommInitRankConfig"), 1);
  EXPECT_FALSE(comm->aborted());
}

TEST_F(NcclCommunicatorTest, ShrinkEndsOperationsUnderWay) {
  auto comm = Make(Options(3));
  SetSurvivor(store_, /*excluded=*/2, /*rank=*/1, "default");
  machine_.operations_hang = true;
  auto work = comm->Barrier(*stream_);
  ASSERT_TRUE(work.ok());
  machine_.operations_hang = false;
  auto rest = comm->Shrink({2});
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ(machine_.Count("ncclCommShrink, abort"), 1);
  ExpectStatus(work->WaitHost(), absl::StatusCode::kCancelled, "was shrunk");
  EXPECT_TRUE(comm->aborted());
  EXPECT_FALSE((*rest)->aborted());
}

TEST_F(NcclCommunicatorTest, ShrinkRebuildsWhereNcclHasNone) {
  machine_.nccl().CommShrink = nullptr;
  auto comm = Make(Options(3));
  SetSurvivor(store_, /*excluded=*/2, /*rank=*/1, "default");
  auto rest = comm->Shrink({2});
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ((*rest)->size(), 2);
  EXPECT_EQ(machine_.Count("ncclCommInitRankConfig"), 2);
}

TEST_F(NcclCommunicatorTest, ShrinkRebuildsAfterAFailureOfAnySurvivor) {
  auto comm = Make(Options(3));
  SetSurvivor(store_, /*excluded=*/2, /*rank=*/1, "rebuild");
  auto rest = comm->Shrink({2});
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ(machine_.Count("ncclCommInitRankConfig"), 2);
  // This one is of no use any more.
  EXPECT_TRUE(comm->aborted());
  EXPECT_EQ(machine_.Count("ncclCommAbort"), 1);
  EXPECT_TRUE(WaitBarrier(**rest).ok());
}

// The new communicator's rank 1 is rank 2 of the one that was to shrink.
TEST_F(NcclCommunicatorTest, ShrinkTellsInItsOwnNumbersWhoWasLostInside) {
  auto comm = Make(Options(3));
  SetSurvivor(store_, /*excluded=*/1, /*rank=*/2, "default");
  machine_.operations_hang = true;
  const absl::Status status = comm->Shrink({1}, {.timeout = kShort}).status();
  ExpectStatus(status, absl::StatusCode::kDeadlineExceeded,
               "had not arrived: rank 1");
  EXPECT_EQ(LostRanks(status), std::vector<int>{2});
}

TEST_F(NcclCommunicatorTest, ShrinkNamesWhoDoesNotCome) {
  auto comm = Make(Options(3));
  ExpectStatus(comm->Shrink({2}, {.timeout = kShort}).status(),
               absl::StatusCode::kDeadlineExceeded, "rank 1 did not come");
}

TEST_F(NcclCommunicatorTest, FailureIsWrittenDown) {
  NcclOptions options = Options();
  options.flight_recorder_path = ::testing::TempDir() + "/flight.json";
  auto comm = Make(options);
  std::vector<float> data(8);
  ASSERT_TRUE(
      comm->AllReduce({View(data)}, {View(data)}, ReduceOp::kSum, *stream_)
          ->WaitHost()
          .ok());
  machine_.operations_hang = true;
  auto work = comm->Barrier(*stream_);
  comm->Abort(absl::CancelledError("enough"));
  ASSERT_FALSE(work->WaitHost().ok());
  std::stringstream text;
  text << std::ifstream(options.flight_recorder_path).rdbuf();
  const auto dump = ParseFlightDump(text.str());
  ASSERT_TRUE(dump.ok()) << dump.status();
  EXPECT_EQ(dump->reason, "enough");
  ASSERT_EQ(dump->operations.size(), 3u);
  EXPECT_EQ(dump->operations[0].ToString(), "#0 Connect");
  EXPECT_EQ(dump->operations[1].ToString(), "#1 AllReduce float32[8]");
  EXPECT_EQ(dump->operations[1].state, FlightState::kCompleted);
  EXPECT_EQ(dump->operations[2].ToString(), "#2 Barrier");
  EXPECT_EQ(dump->operations[2].state, FlightState::kFailed);
}

// A steady state takes no memory and no events for operations.
TEST_F(NcclCommunicatorTest, OperationsAreUsedAgain) {
  auto comm = Make(Options());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(WaitBarrier(*comm).ok());
  const int before = machine_.Count("cudaEventCreate");
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(WaitBarrier(*comm).ok());
  EXPECT_EQ(machine_.Count("cudaEventCreate"), before);
}

}  // namespace
}  // namespace parley
