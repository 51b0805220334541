// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Each test plays one way for a job to get stuck, on recorders of its ranks.
#include "parley/comm/nccl/flight_difference.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/comm/nccl/flight_recorder.h"

namespace parley {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

FlightRecorder::Operation Reduce(int64_t elements, uint64_t signature = 1) {
  return {.op = "AllReduce",
          .dtype = "float32",
          .tensors = 1,
          .elements = elements,
          .signature = signature};
}
FlightRecorder::Operation Barrier() { return {.op = "Barrier"}; }

// The ranks of a job with one communicator.
class Job {
 public:
  explicit Job(int ranks, int capacity = 100) {
    for (int rank = 0; rank < ranks; ++rank) {
      recorders_.push_back(
          std::make_unique<FlightRecorder>(rank, ranks, capacity));
      recorders_.back()->AddCommunicator("world", rank, ranks);
      called_.push_back(0);
    }
  }

  FlightRecorder& operator[](int rank) {
    return *recorders_[static_cast<size_t>(rank)];
  }

  // `rank` calls `operation`, which comes to `state`.
  void Call(int rank, FlightRecorder::Operation operation, FlightState state) {
    operation.sequence = called_[static_cast<size_t>(rank)]++;
    const int64_t id = (*this)[rank].Schedule(0, operation, 1);
    if (state == FlightState::kScheduled) return;
    (*this)[rank].Mark(id, FlightState::kStarted, 2);
    if (state != FlightState::kStarted) (*this)[rank].Mark(id, state, 3);
  }
  void CallOnAll(const FlightRecorder::Operation& operation,
                 FlightState state) {
    for (size_t rank = 0; rank < recorders_.size(); ++rank) {
      Call(static_cast<int>(rank), operation, state);
    }
  }

  std::vector<FlightDump> Dumps() {
    std::vector<FlightDump> dumps;
    for (auto& recorder : recorders_) {
      dumps.push_back(recorder->Snapshot("", 0));
    }
    return dumps;
  }

 private:
  std::vector<std::unique_ptr<FlightRecorder>> recorders_;
  std::vector<int64_t> called_;
};

TEST(FlightDifferenceTest, NothingToSay) {
  EXPECT_THAT(DescribeDifference({}), IsEmpty());
  Job job(3);
  EXPECT_THAT(DescribeDifference(job.Dumps()), IsEmpty());
  job.CallOnAll(Reduce(8), FlightState::kCompleted);
  job.CallOnAll(Barrier(), FlightState::kCompleted);
  EXPECT_THAT(DescribeDifference(job.Dumps()), IsEmpty());
}

TEST(FlightDifferenceTest, RankThatNeverReachedIt) {
  Job job(4);
  for (int i = 0; i < 16; ++i) {
    job.CallOnAll(Reduce(8), FlightState::kCompleted);
  }
  job.CallOnAll(Barrier(), FlightState::kCompleted);
  for (int rank : {0, 1, 2}) {
    job.Call(rank, Reduce(1048576), FlightState::kStarted);
  }
  EXPECT_THAT(DescribeDifference(job.Dumps()),
              ElementsAre("world: rank 3 never reached #17 AllReduce "
                          "float32[1048576]; its last is #16 Barrier "
                          "(completed)"));
}

TEST(FlightDifferenceTest, RankThatCalledNothing) {
  Job job(2);
  job.Call(0, Barrier(), FlightState::kFailed);
  EXPECT_THAT(DescribeDifference(job.Dumps()),
              ElementsAre("world: rank 1 never reached #0 Barrier; it has "
                          "called nothing"));
}

// Others have called on; what they wait for is the first that is incomplete.
TEST(FlightDifferenceTest, OperationsBehindTheStuckOneDoNotMatter) {
  Job job(3);
  job.CallOnAll(Reduce(1), FlightState::kCompleted);
  for (int rank : {0, 2}) {
    job.Call(rank, Reduce(2), FlightState::kStarted);
    job.Call(rank, Reduce(3), FlightState::kScheduled);
    job.Call(rank, Reduce(4), FlightState::kScheduled);
  }
  EXPECT_THAT(DescribeDifference(job.Dumps()),
              ElementsAre("world: rank 1 never reached #1 AllReduce "
                          "float32[2]; its last is #0 AllReduce float32[1] "
                          "(completed)"));
}

TEST(FlightDifferenceTest, SeveralRanksAreMissing) {
  Job job(4);
  for (int rank : {1, 3}) job.Call(rank, Barrier(), FlightState::kStarted);
  EXPECT_THAT(DescribeDifference(job.Dumps()),
              ElementsAre("world: rank 0 never reached #0 Barrier; it has "
                          "called nothing",
                          "world: rank 2 never reached #0 Barrier; it has "
                          "called nothing"));
}

TEST(FlightDifferenceTest, OperationThatDidNotStart) {
  Job job(3);
  job.Call(0, Barrier(), FlightState::kStarted);
  job.Call(1, Barrier(), FlightState::kScheduled);
  job.Call(2, Barrier(), FlightState::kStarted);
  EXPECT_THAT(DescribeDifference(job.Dumps()),
              ElementsAre("world: #0 Barrier did not start on rank 1: what was "
                          "enqueued before it on the stream is not done"));
}

TEST(FlightDifferenceTest, AllAreThereAndNothingMoves) {
  Job job(2);
  job.CallOnAll(Reduce(5), FlightState::kStarted);
  EXPECT_THAT(DescribeDifference(job.Dumps()),
              ElementsAre("world: #0 AllReduce float32[5] started on ranks 0, "
                          "1 and did not end: look at the network and the "
                          "devices"));
}

TEST(FlightDifferenceTest, CompleteOnSomeOnly) {
  Job job(3);
  job.Call(0, Barrier(), FlightState::kCompleted);
  job.Call(1, Barrier(), FlightState::kStarted);
  job.Call(2, Barrier(), FlightState::kCompleted);
  EXPECT_THAT(DescribeDifference(job.Dumps()),
              ElementsAre("world: #0 Barrier is complete on ranks 0, 2 and not "
                          "on rank 1"));
}

TEST(FlightDifferenceTest, DisagreementNamesTheFewer) {
  Job job(4);
  job.CallOnAll(Barrier(), FlightState::kCompleted);
  for (int rank : {0, 1, 3}) {
    job.Call(rank, Reduce(8, 1), FlightState::kFailed);
  }
  job.Call(2, Reduce(7, 2), FlightState::kFailed);
  EXPECT_EQ(DescribeDifference(job.Dumps())[0],
            "world: ranks disagree on #1: ranks 0, 1, 3 called AllReduce "
            "float32[8]; rank 2 called AllReduce float32[7]");
}

TEST(FlightDifferenceTest, DisagreementOnTheOperation) {
  Job job(2);
  job.Call(0, Barrier(), FlightState::kStarted);
  job.Call(1, Reduce(8), FlightState::kStarted);
  EXPECT_EQ(DescribeDifference(job.Dumps())[0],
            "world: ranks disagree on #0: rank 0 called Barrier; rank 1 called "
            "AllReduce float32[8]");
}

// Equal in what the text shows: a root, a reduction, or how a list is cut.
TEST(FlightDifferenceTest, DisagreementOnOtherArguments) {
  Job job(3);
  job.Call(0, Reduce(8, 1), FlightState::kStarted);
  job.Call(1, Reduce(8, 2), FlightState::kStarted);
  job.Call(2, Reduce(8, 1), FlightState::kStarted);
  EXPECT_EQ(DescribeDifference(job.Dumps())[0],
            "world: ranks disagree on #0: ranks 0, 2 called AllReduce "
            "float32[8]; rank 1 called AllReduce float32[8], with another "
            "root, reduction or list");
}

TEST(FlightDifferenceTest, RankWithoutADump) {
  Job job(4);
  job.CallOnAll(Barrier(), FlightState::kFailed);
  std::vector<FlightDump> dumps = job.Dumps();
  dumps.erase(dumps.begin() + 2);
  EXPECT_EQ(DescribeDifference(dumps)[0],
            "world: no dump of rank 2 of its 4: it died, or could not write");
  dumps.erase(dumps.begin());
  EXPECT_EQ(DescribeDifference(dumps)[0],
            "world: no dump of ranks 0, 2 of its 4: they died, or could not "
            "write");
}

TEST(FlightDifferenceTest, TwoDumpsOfOneRank) {
  Job job(2);
  std::vector<FlightDump> dumps = job.Dumps();
  dumps.push_back(dumps[1]);
  EXPECT_THAT(DescribeDifference(dumps),
              ElementsAre("two dumps say that they are of rank 1"));
}

// What fell out of the ring was complete.
TEST(FlightDifferenceTest, ForgottenOperationsCountAsComplete) {
  Job job(2, /*capacity=*/2);
  for (int i = 0; i < 5; ++i) {
    job.CallOnAll(Reduce(i), FlightState::kCompleted);
  }
  EXPECT_THAT(DescribeDifference(job.Dumps()), IsEmpty());
  for (int i = 5; i < 9; ++i) job.Call(0, Reduce(i), FlightState::kCompleted);
  EXPECT_THAT(DescribeDifference(job.Dumps()),
              ElementsAre("world: rank 1 never reached #5; its last is #4 "
                          "AllReduce float32[4] (completed)",
                          "world: #5 is complete on rank 0"));
}

// Ranks are those of the job, also where a communicator numbers them otherwise.
TEST(FlightDifferenceTest, CommunicatorsAreComparedOneByOne) {
  std::vector<std::unique_ptr<FlightRecorder>> recorders;
  for (int rank = 0; rank < 4; ++rank) {
    recorders.push_back(std::make_unique<FlightRecorder>(rank, 4, 10));
    recorders.back()->AddCommunicator("world", rank, 4);
    if (rank % 2 == 1) {
      recorders.back()->AddCommunicator("odd", rank / 2, 2);
    }
  }
  const int64_t id = recorders[1]->Schedule(1, Reduce(3), 1);
  recorders[1]->Mark(id, FlightState::kStarted, 2);
  std::vector<FlightDump> dumps;
  for (auto& recorder : recorders) dumps.push_back(recorder->Snapshot("", 0));
  EXPECT_THAT(DescribeDifference(dumps),
              ElementsAre("odd: rank 3 never reached #0 AllReduce float32[3]; "
                          "it has called nothing"));
}

}  // namespace
}  // namespace parley
